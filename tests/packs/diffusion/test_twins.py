from __future__ import annotations

from typing import Any

import torch
from torch import nn

from inhouse.packs.diffusion.twins import twin


def network() -> Any:
    return nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 2))


def test_layers_and_what_is_around_them_are_its_own_and_all_else_is_shared() -> None:
    one = network()
    other = twin(one, ["0.1"])
    own = {path for path, module in other.named_modules() if module is not one.get_submodule(path)}
    assert own == {"", "0", "0.1"}
    assert all(mine is theirs for mine, theirs in zip(other.parameters(), one.parameters(), strict=True))


def test_what_is_changed_about_it_leaves_the_other_as_it_is() -> None:
    one, x = network(), torch.randn(1, 2)
    before = one(x)
    other = twin(one, ["0.1"])
    layer = other[0][1]
    layer.weight = nn.Parameter(torch.zeros(2, 2), requires_grad=False)
    layer.register_buffer("more", torch.ones(1))
    layer.register_forward_hook(lambda _module, _inputs, output: output + 1)
    assert one(x).equal(before)
    torch.testing.assert_close(other(x), one[1](layer.bias + 1)[None])
    assert not list(one.buffers())


def test_a_parameter_of_the_network_itself_needs_no_layer() -> None:
    one = nn.Linear(2, 2)
    other = twin(one, [""])
    assert other is not one
    assert other.weight is one.weight
