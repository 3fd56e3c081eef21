from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from inhouse.packs.diffusion.beside import folded, put_beside, takes, worth_it


def test_only_what_costs_little_is_worth_it() -> None:
    assert worth_it((1280, 1280), 16)
    assert not worth_it((320, 320), 16)
    assert worth_it((1280, 1280, 3, 3), 32)
    assert not worth_it((1280, 1280), 128)


@pytest.mark.parametrize("shape", [(5, 8), (3, 2, 8)])
def test_a_change_beside_a_linear_layer_is_the_change_in_it(shape: tuple[int, ...]) -> None:
    layer, up, down = nn.Linear(8, 6), torch.randn(6, 2), torch.randn(2, 8)
    x = torch.randn(shape)
    expected = functional.linear(x, layer.weight + up @ down, layer.bias)
    put_beside(layer, up, down)
    torch.testing.assert_close(layer(x), expected)


def test_a_change_beside_a_convolution_is_the_change_in_it() -> None:
    layer, up, down = nn.Conv2d(3, 6, 3, stride=2, padding=1), torch.randn(6, 2), torch.randn(2, 3, 3, 3)
    x = torch.randn(1, 3, 9, 7)
    changed = layer.weight + (up @ down.flatten(1)).view(6, 3, 3, 3)
    expected = functional.conv2d(x, changed, layer.bias, stride=2, padding=1)
    put_beside(layer, up, down)
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_further_changes_add_up_and_can_be_folded_in() -> None:
    layer = nn.Linear(8, 6)
    network, weight = nn.Sequential(layer), layer.weight.clone()
    pairs = [(torch.randn(6, 2), torch.randn(2, 8)) for _ in range(2)]
    for up, down in pairs:
        put_beside(layer, up, down)
    expected = weight + torch.stack([up @ down for up, down in pairs]).sum(dim=0)
    x = torch.randn(4, 8)
    torch.testing.assert_close(network(x), functional.linear(x, expected, layer.bias))
    torch.testing.assert_close(folded(network, "0.weight"), expected)
    assert folded(network, "0.bias") is layer.bias
    assert layer.weight.equal(weight)


def test_no_other_layer_takes_one() -> None:
    assert takes(nn.Linear(2, 2))
    assert takes(nn.Conv2d(2, 2, 1))
    assert not takes(nn.Conv2d(2, 2, 1, groups=2))
    assert not takes(nn.LayerNorm(2))
