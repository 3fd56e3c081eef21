from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.diffusion.resizing import UPSCALE_METHODS, fade, repeat_to, resize, resize_mask


@pytest.mark.parametrize("method", UPSCALE_METHODS)
def test_a_constant_stays_constant_at_any_size(method: str) -> None:
    for width, height in ((12, 9), (3, 2), (6, 5)):
        resized = resize(torch.full((1, 4, 5, 6), 2.0), width, height, method)
        torch.testing.assert_close(resized, torch.full((1, 4, height, width), 2.0))


def test_slerp_keeps_the_length_of_vectors_of_one_length() -> None:
    samples = torch.zeros(1, 2, 1, 2)
    samples[0, 0, 0, 0] = samples[0, 1, 0, 1] = 3.0
    resized = resize(samples, 5, 1, "bislerp")
    torch.testing.assert_close(resized.norm(dim=1), torch.full((1, 1, 5), 3.0))
    torch.testing.assert_close(resized[0, :, 0, 2], torch.full((2,), 3.0 / 2**0.5))


def test_slerp_passes_through_zero_and_opposite_vectors_without_a_nan() -> None:
    samples = torch.tensor([1.0, -1.0, 0.0, 2.0]).reshape(1, 1, 1, 4)
    assert resize(samples, 9, 3, "bislerp").isfinite().all()


@pytest.mark.parametrize(("width", "height"), [(4, 4), (8, 2)])
def test_cropping_cuts_equal_strips_so_that_nothing_is_stretched(width: int, height: int) -> None:
    columns = torch.arange(8.0).repeat(4, 1)[None, None]
    resized = resize(columns, width, height, "nearest-exact", crop=True)
    assert resized.shape == (1, 1, height, width)
    assert resized[0, 0, 0].tolist() == ([2, 3, 4, 5] if width == 4 else list(range(8)))


def test_masks_of_any_shape_become_planes() -> None:
    for mask in (torch.ones(4, 4), torch.ones(2, 4, 4), torch.ones(2, 1, 4, 4)):
        planes = resize_mask(mask, 8, 6)
        assert planes.shape[1:] == (1, 6, 8)
        assert planes.eq(1).all()


@given(st.integers(1, 5), st.integers(1, 12))
def test_samples_are_repeated_in_turn(have: int, want: int) -> None:
    repeated = repeat_to(torch.arange(have), want)
    assert repeated.tolist() == [place % have for place in range(want)]


def test_fading_rises_and_falls_where_told() -> None:
    assert fade(6, 2, before=True, after=True).tolist() == [0.5, 1, 1, 1, 1, 0.5]
    assert fade(3, 2, before=False, after=True).tolist() == [1, 1, 0.5]
    assert fade(2, 0, before=True, after=True).tolist() == [1, 1]
