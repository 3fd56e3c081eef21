import pytest
import torch

from inhouse.packs.image.colors import bayer, from_yuv, quantize, to_yuv


def test_yuv_and_back_is_the_same_picture() -> None:
    image = torch.rand(2, 4, 5, 3, generator=torch.Generator().manual_seed(1))

    assert torch.allclose(from_yuv(*to_yuv(image)), image, atol=1e-5)


def test_grey_has_no_colour() -> None:
    y, u, v = to_yuv(torch.full((1, 2, 2, 4), 0.5))

    assert torch.allclose(y, torch.tensor(0.5))
    assert torch.allclose(u, torch.tensor(0.0), atol=1e-6)
    assert torch.allclose(v, torch.tensor(0.0), atol=1e-6)


@pytest.mark.parametrize("dither", ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"])
@pytest.mark.parametrize("colors", [1, 2, 7, 256])
def test_no_more_colours_remain_than_asked_for(dither: str, colors: int) -> None:
    image = torch.rand(2, 20, 24, 4, generator=torch.Generator().manual_seed(1))

    reduced = quantize(image, colors, dither)

    assert reduced.shape == (2, 20, 24, 3)
    assert all(len({tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}) <= colors for picture in reduced)


@pytest.mark.parametrize("dither", ["floyd-steinberg", "bayer-4"])
def test_dithering_keeps_the_brightness_of_a_ramp(dither: str) -> None:
    ramp = torch.linspace(0, 1, 64).view(1, 1, 64, 1).repeat(1, 64, 1, 3)

    dithered, plain = quantize(ramp, 2, dither), quantize(ramp, 2, "none")

    def error(reduced: torch.Tensor) -> float:
        return float((reduced.view(8, 8, 8, 8, 3).mean((1, 3)) - ramp.view(8, 8, 8, 8, 3).mean((1, 3))).abs().mean())

    assert error(dithered) < error(plain)


def test_thresholds_are_all_different_and_centred() -> None:
    thresholds = bayer(4)

    assert thresholds.shape == (4, 4)
    assert len(set(thresholds.flatten().tolist())) == 16
    assert abs(thresholds.mean()) < 1e-12
