import pytest
import torch

from inhouse.packs.image.scaling import crop_to_aspect, resize, scale, scale_by, scale_to_largest, scale_to_pixels


def gradient(height: int, width: int) -> torch.Tensor:
    return torch.linspace(0, 1, width).view(1, 1, width, 1).expand(1, height, width, 3).contiguous()


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_every_method_gives_the_size_asked_for_and_keeps_a_plain_colour(method: str) -> None:
    plain = torch.full((2, 6, 8, 4), 128 / 255)

    scaled = resize(plain, 12, 5, method)

    assert scaled.shape == (2, 5, 12, 4)
    assert torch.allclose(scaled, plain[0, 0, 0, 0], atol=1e-6)


def test_area_averages_whole_blocks() -> None:
    checks = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(4, 4).view(1, 8, 8, 1)

    assert resize(checks, 4, 4, "area").eq(0.5).all()


def test_lanczos_leaves_colours_under_a_transparent_alpha_alone() -> None:
    image = torch.zeros(1, 4, 4, 4)
    image[..., 0] = 1.0

    assert resize(image, 8, 8, "lanczos")[..., 0].eq(1).all()


def test_the_centre_is_kept_when_margins_are_cut_off() -> None:
    # 128 x 96 to the shape of 80 x 112: 128 - 96 * 80 / 112 = 59.4 columns too many, 30 on each side
    assert crop_to_aspect(gradient(96, 128), 80, 112).shape == (1, 96, 68, 3)
    assert crop_to_aspect(gradient(9, 3), 1, 1).shape == (1, 3, 3, 3)
    assert crop_to_aspect(gradient(4, 4), 16384, 1).shape == (1, 2, 4, 3)
    assert torch.equal(crop_to_aspect(gradient(4, 8), 1, 1), gradient(4, 8)[:, :, 2:6])


def test_a_side_of_0_follows_from_the_other_one() -> None:
    image = gradient(30, 60)

    assert scale(image, 20, 0, "area").shape == (1, 10, 20, 3)
    assert scale(image, 0, 20, "area").shape == (1, 20, 40, 3)
    assert scale(image, 0, 0, "area") is image
    assert scale(gradient(1, 60), 6, 0, "area").shape == (1, 1, 6, 3)


def test_scaling_keeps_the_aspect_ratio() -> None:
    image = gradient(30, 60)

    assert scale_by(image, 0.01, "bilinear").shape == (1, 1, 1, 3)
    assert scale_by(image, 1.5, "bilinear").shape == (1, 45, 90, 3)
    assert scale_to_largest(image, 90, "bicubic").shape == (1, 45, 90, 3)
    assert scale_to_pixels(torch.zeros(1, 512, 512, 1), 0.0625, "area").shape == (1, 256, 256, 1)
