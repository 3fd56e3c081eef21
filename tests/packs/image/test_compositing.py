import pytest
import torch

from inhouse.packs.image.compositing import composite, join_alpha, porter_duff, split_alpha


def test_a_source_is_laid_where_it_belongs_and_cut_at_the_border() -> None:
    below = torch.zeros(1, 4, 4, 3)

    result = composite(below, torch.ones(1, 3, 3, 3), 2, 1)

    assert result[0, 1:4, 2:, 0].eq(1).all()
    assert result.sum() == 3 * 2 * 3
    assert below.sum() == 0, "inputs are shared with other nodes"


def test_a_source_outside_changes_nothing() -> None:
    assert composite(torch.zeros(1, 4, 4, 3), torch.ones(1, 3, 3, 3), 9, 0).sum() == 0


def test_a_mask_decides_how_much_of_the_source_is_seen() -> None:
    mask = torch.tensor([[[0.0, 0.25], [0.5, 1.0]]])

    result = composite(torch.zeros(2, 2, 2, 3), torch.ones(1, 2, 2, 4), 0, 0, mask=mask)

    assert result.shape == (2, 2, 2, 3)
    assert result[..., 0].equal(mask.repeat(2, 1, 1))


def test_source_and_mask_scale_to_the_destination() -> None:
    result = composite(
        torch.zeros(1, 8, 8, 3), torch.ones(1, 2, 2, 3), 0, 0, mask=torch.ones(1, 3, 3), resize_source=True
    )

    assert result.eq(1).all()


def test_alpha_is_the_inverse_of_the_mask_both_ways() -> None:
    image, mask = torch.rand(2, 3, 4, 3), torch.rand(1, 3, 4)

    joined = join_alpha(image, mask)
    colors, back = split_alpha(joined)

    assert joined.shape == (2, 3, 4, 4)
    assert torch.allclose(joined[..., 3], 1 - mask.repeat(2, 1, 1))
    assert colors.equal(image)
    assert torch.allclose(back, mask.repeat(2, 1, 1), atol=1e-6)
    assert split_alpha(image)[1].eq(0).all()


@pytest.mark.parametrize(
    ("mode", "color", "alpha"),
    [
        # source: colour 1, alpha 0.5; destination: colour 0.5, alpha 0.75
        ("SRC", 1.0, 0.5),
        ("DST", 0.5, 0.75),
        ("CLEAR", 0.0, 0.0),
        ("SRC_OVER", (0.5 + 0.375 * 0.5) / 0.875, 0.875),
        ("DST_OVER", (0.375 + 0.5 * 0.25) / 0.875, 0.875),
        ("SRC_IN", 1.0, 0.375),
        ("DST_IN", 0.5, 0.375),
        ("SRC_OUT", 1.0, 0.125),
        ("DST_OUT", 0.5, 0.375),
        ("SRC_ATOP", (0.5 * 0.75 + 0.375 * 0.5) / 0.75, 0.75),
        ("DST_ATOP", (0.375 * 0.5 + 0.5 * 0.25) / 0.5, 0.5),
        ("XOR", (0.5 * 0.25 + 0.375 * 0.5) / 0.5, 0.5),
        ("ADD", 0.875, 1.0),
        ("MULTIPLY", 0.5, 0.375),
        ("SCREEN", (0.875 - 0.1875) / 0.875, 0.875),
        ("DARKEN", (0.25 * 0.5 + 0.5 * 0.375 + 0.375) / 0.875, 0.875),
        ("LIGHTEN", (0.25 * 0.5 + 0.5 * 0.375 + 0.5) / 0.875, 0.875),
        ("OVERLAY", 0.375 / 0.875, 0.875),
    ],
)
def test_porter_duff_modes_give_what_their_formula_says(mode: str, color: float, alpha: float) -> None:
    source, destination = torch.ones(1, 2, 2, 3), torch.full((1, 2, 2, 3), 0.5)

    image, mask = porter_duff(source, torch.full((1, 2, 2), 0.5), destination, torch.full((1, 2, 2), 0.25), mode)

    assert torch.allclose(image, torch.tensor(color), atol=1e-6)
    assert torch.allclose(mask, torch.tensor(1 - alpha), atol=1e-6)


def test_porter_duff_takes_pictures_of_unlike_sizes() -> None:
    image, mask = porter_duff(
        torch.ones(2, 4, 4, 3), torch.zeros(1, 2, 2), torch.zeros(1, 6, 3, 4), torch.zeros(1, 6, 3), "SRC_OVER"
    )

    assert image.shape == (1, 4, 4, 3)
    assert mask.shape == (1, 4, 4)
