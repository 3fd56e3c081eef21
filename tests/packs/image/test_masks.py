import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.image.masks import composite, crop, feather, from_channel, from_color, grow, threshold, to_image


def dot(size: int = 7) -> torch.Tensor:
    mask = torch.zeros(1, size, size)
    mask[0, size // 2, size // 2] = 1
    return mask


def test_a_channel_becomes_a_mask_and_a_missing_one_is_named() -> None:
    image = torch.stack([torch.full((1, 2, 2), value) for value in (0.1, 0.2, 0.3)], dim=-1)

    assert from_channel(image, "blue").eq(0.3).all()
    with pytest.raises(NodeInputError, match="alpha"):
        from_channel(image, "alpha")


def test_a_colour_is_matched_exactly() -> None:
    image = torch.tensor([[[[255, 128, 0], [255, 127, 0]]]]) / 255

    assert from_color(image, 0xFF8000).tolist() == [[[1, 0]]]


def test_a_mask_becomes_a_grey_picture_that_owns_its_pixels() -> None:
    picture = to_image(torch.full((2, 2), 0.5))
    picture[..., 0] = 0

    assert picture.shape == (1, 2, 2, 3)
    assert picture[..., 1].eq(0.5).all()


def test_a_crop_outside_the_mask_is_an_error() -> None:
    assert crop(dot(), 3, 3, 99, 1).tolist() == [[[1, 0, 0, 0]]]
    with pytest.raises(NodeInputError, match="7x7"):
        crop(dot(), 7, 0, 1, 1)


def test_growing_follows_city_blocks_when_tapered_and_a_square_otherwise() -> None:
    assert grow(dot(), 2, tapered=True).sum() == 13
    assert grow(dot(), 2, tapered=False).sum() == 25
    assert grow(dot(), 0, tapered=True).equal(dot())


def test_shrinking_undoes_growing_and_ignores_what_lies_outside() -> None:
    assert grow(grow(dot(), 2, tapered=True), -2, tapered=True).equal(dot())
    assert grow(torch.ones(1, 4, 4), -3, tapered=False).eq(1).all()
    assert grow(torch.ones(1, 4, 4), -16384, tapered=True).eq(1).all()


def test_a_feathered_mask_rises_linearly_from_its_borders() -> None:
    feathered = feather(torch.ones(1, 3, 8), left=4, top=0, right=2, bottom=0)

    assert feathered[0, 0].tolist() == [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.5]
    assert feather(torch.ones(1, 4, 1), left=0, top=2, right=0, bottom=99).flatten().tolist() == [0.5, 0.75, 0.5, 0.25]


def test_a_threshold_is_exclusive() -> None:
    assert threshold(torch.tensor([[[0.4, 0.5, 0.6]]]), 0.5).tolist() == [[[0, 0, 1]]]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", [0.0, 0.12, 0.54]),
        ("add", [0.7, 0.9, 1.0]),
        ("subtract", [0.0, 0.0, 0.3]),
        ("and", [0, 0, 1]),
        ("or", [1, 1, 1]),
        ("xor", [1, 1, 0]),
    ],
)
def test_masks_combine(operation: str, expected: list[float]) -> None:
    below, above = torch.tensor([[[0.0, 0.2, 0.9]]]), torch.tensor([[[0.7, 0.6, 0.6]]])
    if operation == "add":
        above = torch.tensor([[[0.7, 0.7, 0.7]]])

    assert torch.allclose(composite(below, above, 0, 0, operation), torch.tensor([[expected]]).float())


def test_a_mask_laid_over_the_border_is_cut_off() -> None:
    result = composite(torch.zeros(2, 3, 3), torch.ones(1, 3, 3), 2, 1, "add")

    assert result.sum() == 2 * 2
    assert composite(torch.zeros(1, 3, 3), torch.ones(1, 3, 3), 5, 0, "add").sum() == 0
