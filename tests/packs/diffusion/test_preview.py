from __future__ import annotations

import numpy as np
import pytest
import torch

from inhouse.packs.diffusion.preview import SD, SDXL, Colours, latent_to_rgb


def test_a_preview_is_a_small_8_bit_picture_of_the_first_sample() -> None:
    picture = latent_to_rgb(torch.zeros(2, 4, 3, 5))
    assert picture.shape == (3, 5, 3)
    assert picture.dtype == np.uint8
    assert (picture == 128).all()


@pytest.mark.parametrize("colours", [SD, SDXL])
def test_the_first_channel_is_brightness(colours: Colours) -> None:
    dark, bright = torch.zeros(1, 4, 1, 2), torch.zeros(1, 4, 1, 2)
    bright[0, 0] = 3
    assert (latent_to_rgb(bright, colours) > latent_to_rgb(dark, colours)).all()


def test_families_mean_other_colours_by_the_same_latent() -> None:
    assert latent_to_rgb(torch.zeros(1, 4, 1, 1), SDXL).tolist() == [[[150, 140, 130]]]
    assert latent_to_rgb(torch.zeros(1, 4, 1, 1), SD).tolist() == [[[128, 128, 128]]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
@pytest.mark.parametrize("channels", [3, 4, 16])
def test_any_latent_has_a_preview(value: float, channels: int) -> None:
    assert latent_to_rgb(torch.full((1, channels, 2, 2), value)).shape == (2, 2, 3)
