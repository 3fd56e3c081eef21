import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.image.filters import add_noise, blur, dilate, erode, morphology, sharpen


def dot(size: int = 7) -> torch.Tensor:
    image = torch.zeros(1, size, size, 3)
    image[:, size // 2, size // 2] = 1
    return image


def test_a_blur_spreads_a_dot_evenly_and_keeps_its_light() -> None:
    blurred = blur(dot(), 2, 1.0)

    assert torch.allclose(blurred.sum(), torch.tensor(3.0))
    assert torch.allclose(blurred, blurred.flip(1))
    assert torch.allclose(blurred, blurred.rot90(1, (1, 2)), atol=1e-7)
    # sigma counts in radii: the tap at the rim is exp(-1/2) of the middle one
    assert torch.allclose(blurred[0, 3, 5] / blurred[0, 3, 3], torch.exp(torch.tensor(-0.5)))


def test_a_plain_picture_stays_plain_up_to_its_borders() -> None:
    plain = torch.full((1, 9, 9, 3), 0.25)

    assert torch.allclose(blur(plain, 4, 3.0), plain)
    assert torch.allclose(sharpen(plain, 4, 3.0, 5.0), plain, atol=1e-5)


def test_a_radius_must_fit_into_the_picture() -> None:
    with pytest.raises(NodeInputError, match="radius of 7"):
        blur(dot(7), 7, 1.0)


def test_sharpening_widens_a_step_and_stays_in_range() -> None:
    step = torch.full((1, 8, 8, 1), 0.4)
    step[:, :, 4:] = 0.6

    sharp = sharpen(step, 1, 1.0, 1.0)

    assert sharp[0, 4, 3] < 0.4
    assert sharp[0, 4, 4] > 0.6
    assert torch.allclose(sharp[0, 4, 0], step[0, 4, 0])
    assert sharpen(step, 1, 1.0, 0.0).allclose(step)
    assert sharp.min() >= 0
    assert sharp.max() <= 1


def test_dilating_grows_a_dot_to_the_square_and_eroding_removes_it() -> None:
    assert dilate(dot(), 3)[0, :, :, 0].sum() == 9
    assert dilate(dot(), 4)[0, :, :, 0].sum() == 16
    assert erode(dot(), 3).sum() == 0
    assert erode(torch.ones(1, 4, 4, 1), 3).eq(1).all()


@pytest.mark.parametrize("size", [3, 4, 7, 10])
def test_opening_only_darkens_and_closing_only_brightens(size: int) -> None:
    image = torch.rand(1, 12, 12, 2, generator=torch.Generator().manual_seed(1))

    assert (morphology(image, "open", size) <= image).all()
    assert (morphology(image, "close", size) >= image).all()


def test_composed_operations_follow_from_the_two() -> None:
    image = torch.rand(1, 9, 9, 1, generator=torch.Generator().manual_seed(1))
    opened, closed = dilate(erode(image, 3), 3), erode(dilate(image, 3), 3)

    assert morphology(image, "erode", 3).equal(erode(image, 3))
    assert morphology(image, "dilate", 3).equal(dilate(image, 3))
    assert morphology(image, "open", 3).equal(opened)
    assert morphology(image, "close", 3).equal(closed)
    assert morphology(image, "gradient", 3).equal(dilate(image, 3) - erode(image, 3))
    assert morphology(image, "top_hat", 3).equal(image - opened)
    assert morphology(image, "bottom_hat", 3).equal(closed - image)


def test_noise_follows_from_its_seed() -> None:
    image = torch.full((1, 64, 64, 3), 0.5)

    noisy = add_noise(image, 2**64 - 1, 0.1)

    assert noisy.equal(add_noise(image, 2**64 - 1, 0.1))
    assert not noisy.equal(add_noise(image, 0, 0.1))
    assert abs(noisy.std() - 0.1) < 0.01
    assert add_noise(image, 0, 0.0).equal(image)
