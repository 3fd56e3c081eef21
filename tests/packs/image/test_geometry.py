import pytest
import torch

from inhouse.packs.image.geometry import crop, flip, pad_for_outpaint, resize_and_pad, rotate, stitch


def numbered(height: int, width: int, channels: int = 1) -> torch.Tensor:
    return torch.arange(height * width, dtype=torch.float32).view(1, height, width, 1).repeat(1, 1, 1, channels)


def test_a_crop_beyond_the_picture_keeps_a_pixel() -> None:
    image = numbered(3, 4)

    assert crop(image, 1, 1, 2, 2).flatten().tolist() == [5, 6, 9, 10]
    assert crop(image, 9, 9, 2, 2).flatten().tolist() == [11]


def test_turning_is_clockwise() -> None:
    image = numbered(2, 2)

    assert rotate(image, 1).flatten().tolist() == [2, 0, 3, 1]
    assert torch.equal(rotate(rotate(image, 1), 3), image)
    assert flip(image, vertically=True).flatten().tolist() == [2, 3, 0, 1]
    assert flip(image, vertically=False).flatten().tolist() == [1, 0, 3, 2]


def test_a_frame_for_outpainting_is_grey_and_masked() -> None:
    framed, mask = pad_for_outpaint(torch.ones(2, 4, 4, 3), left=0, top=8, right=16, bottom=0, feathering=0)

    assert framed.shape == (2, 12, 20, 3)
    assert mask.shape == (1, 12, 20)
    assert framed[:, 8:, :4].eq(1).all()
    assert framed[:, :8].eq(0.5).all()
    assert mask[0, 8:, :4].eq(0).all()
    assert mask.sum() == 12 * 20 - 16


def test_the_mask_fades_into_the_picture_from_framed_sides_only() -> None:
    _, mask = pad_for_outpaint(torch.ones(1, 16, 16, 3), left=8, top=0, right=0, bottom=0, feathering=4)

    row = mask[0, 5]

    assert row[:8].eq(1).all()
    assert row[8:13].tolist() == [1.0, 0.5625, 0.25, 0.0625, 0.0]
    assert mask[0, :, 8:].eq(row[8:]).all()
    assert row[13:].eq(0).all()


def test_no_fading_where_it_does_not_fit() -> None:
    _, mask = pad_for_outpaint(torch.ones(1, 8, 16, 3), left=8, top=0, right=0, bottom=0, feathering=4)

    assert mask[0, :, 8:].eq(0).all()


def test_a_picture_is_fitted_and_centred() -> None:
    padded = resize_and_pad(torch.full((1, 10, 20, 3), 0.25), 40, 40, 1.0, "nearest-exact")

    assert padded.shape == (1, 40, 40, 3)
    assert padded[:, 10:30].eq(0.25).all()
    assert padded[:, :10].eq(1).all()
    assert padded[:, 30:].eq(1).all()


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("right", [0, 1, 9]), ("left", [9, 0, 1])],
)
def test_a_picture_is_put_beside_another(direction: str, expected: list[int]) -> None:
    both = stitch(numbered(1, 2), torch.full((1, 1, 1, 1), 9.0), direction, match=False, gap=0, color="white")

    assert both.flatten().tolist() == expected


def test_up_and_down_stack_the_pictures() -> None:
    first, second = torch.zeros(1, 1, 2, 1), torch.ones(1, 1, 2, 1)

    assert stitch(first, second, "up", match=True, gap=0, color="white").flatten().tolist() == [1, 1, 0, 0]
    assert stitch(first, second, "down", match=True, gap=0, color="white").flatten().tolist() == [0, 0, 1, 1]


def test_the_second_picture_is_scaled_to_match() -> None:
    both = stitch(torch.zeros(1, 20, 10, 3), torch.ones(1, 10, 10, 3), "right", match=True, gap=3, color="red")

    assert both.shape == (1, 20, 10 + 4 + 20, 3)
    assert both[0, 0, 10].tolist() == [1, 0, 0]
    assert both[0, :, 14:].eq(1).all()


def test_unmatched_pictures_are_centred_and_batches_and_channels_evened_out() -> None:
    both = stitch(torch.zeros(1, 4, 2, 4), torch.full((2, 2, 2, 3), 0.5), "right", match=False, gap=0, color="white")

    assert both.shape == (2, 4, 4, 4)
    assert both[0, 1:3, 2:, :3].eq(0.5).all()
    assert both[0, 0, 2:].eq(1).all()
    assert both[0, :, :2, 3].eq(0).all()
