from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from inhouse.packs.diffusion.inpainting import encode_for_inpaint, grow


class FakeVae:
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.movedim(-1, 1)


@pytest.mark.parametrize(("pixels", "size"), [(0, 1), (1, 1), (3, 3), (6, 6)])
def test_growing_widens_a_mask_by_a_square(pixels: int, size: int) -> None:
    mask = torch.zeros(1, 21, 21)
    mask[0, 10, 10] = 1
    grown = grow(mask, pixels)
    assert grown.shape == mask.shape
    assert grown.sum() == size**2
    assert grown[0, 10, 10] == 1


def test_what_will_be_painted_is_grey_and_its_mask_wider() -> None:
    mask = torch.zeros(1, 16, 16)
    mask[:, 8:, 8:] = 0.6
    latent = encode_for_inpaint(cast("Any", FakeVae()), torch.ones(1, 16, 16, 3), mask, grow_mask_by=3)
    assert latent["samples"][0, 0, 8:, 8:].eq(0.5).all()
    assert latent["samples"].sum() == 3 * (16 * 16 - 64 / 2)
    assert latent["noise_mask"].shape == (1, 1, 16, 16)
    assert latent["noise_mask"].sum() == 9 * 9


def test_odd_sizes_are_cropped_at_the_centre() -> None:
    pixels = torch.arange(20.0)[None, :, None, None].expand(1, 20, 17, 4) / 20
    latent = encode_for_inpaint(cast("Any", FakeVae()), pixels, torch.zeros(1, 5, 5))
    assert latent["samples"].shape == (1, 3, 16, 16)
    torch.testing.assert_close(latent["samples"][0, 0, :, 0], torch.arange(2.0, 18.0) / 20)
    assert latent["noise_mask"].shape == (1, 1, 16, 16)
