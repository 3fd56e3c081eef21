from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import avg_pool2d, interpolate

from inhouse.packs.diffusion.tiles import Tiling

SIZES = st.integers(1, 30)


@given(length=st.integers(1, 200), size=SIZES, overlap=st.integers(0, 60))
def test_tiles_cover_a_side_and_overlap_as_asked(length: int, size: int, overlap: int) -> None:
    starts = Tiling(size, overlap).starts(length)
    covered = {position for start in starts for position in range(start, min(start + size, length))}
    assert covered == set(range(length))
    widest = size - min(overlap, size // 2)
    assert all(after - before <= widest for before, after in pairwise(starts))
    assert starts == sorted(set(starts))


@given(height=SIZES, width=SIZES, size=SIZES, overlap=SIZES)
def test_a_function_of_single_pixels_is_not_changed_by_tiling(height: int, width: int, size: int, overlap: int) -> None:
    picture = torch.arange(2.0 * height * width).reshape(1, 2, height, width)
    torch.testing.assert_close(Tiling(size, overlap).run(lambda x: x * 2, picture), picture * 2)


def test_output_and_input_may_be_of_another_scale() -> None:
    picture = torch.rand(1, 2, 16, 24)
    up = Tiling(5, 2, output_scale=4).run(lambda x: interpolate(x, scale_factor=4, mode="nearest"), picture)
    torch.testing.assert_close(up, interpolate(picture, scale_factor=4, mode="nearest"))
    down = Tiling(3, 1, input_scale=4).run(lambda x: avg_pool2d(x, 4), picture)
    torch.testing.assert_close(down, avg_pool2d(picture, 4))


def test_tiles_that_differ_are_blended_without_a_step() -> None:
    counter = iter(range(2))
    row = Tiling(8, 4).run(lambda x: torch.full_like(x, next(counter)), torch.zeros(1, 1, 1, 12))[0, 0, 0]
    assert row.tolist() == pytest.approx([0, 0, 0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1])
