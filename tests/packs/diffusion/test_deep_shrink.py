from __future__ import annotations

from typing import Any

import torch

from inhouse.packs.diffusion.deep_shrink import deep_shrink
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.patches import Place


def place(block: int, sigma: float) -> Place:
    inputs = NetworkInputs(torch.zeros(1, 1, 1), sigma=torch.tensor([sigma]))
    return Place("input", block, inputs, torch.tensor([1]), (8, 8))


def patches(**changes: Any) -> Any:
    return deep_shrink(3, 2.0, **{"first_sigma": 10.0, "last_sigma": 5.0, **changes})


def test_one_block_is_made_smaller_between_two_levels() -> None:
    shrink, h = patches().kept[0], torch.ones(1, 2, 8, 8)
    assert shrink(h, place(3, 7.0)).shape == (1, 2, 4, 4)
    for other in (place(2, 7.0), place(3, 11.0), place(3, 4.0)):
        assert shrink(h, other) is h


def test_what_is_joined_has_the_size_of_the_other_side() -> None:
    join = patches().joining[0]
    h, skip = join(torch.ones(1, 2, 4, 4), torch.zeros(1, 2, 8, 8), place(0, 7.0))
    assert h.shape == skip.shape
    assert join(h, skip, place(0, 7.0))[0] is h


def test_the_other_side_may_be_given_the_smaller_map_too() -> None:
    assert patches().entering == ()
    assert patches(after_skip=False).kept == ()
    assert len(patches(after_skip=False).entering) == 1
