import torch

from inhouse.packs.image.edges import canny


def step(contrast: float = 1.0) -> torch.Tensor:
    image = torch.zeros(1, 16, 16, 3)
    image[:, :, 8:] = contrast
    return image


def test_a_step_becomes_one_thin_line() -> None:
    lines = canny(step(), 0.4, 0.8)

    assert lines.shape == (1, 16, 16, 3)
    assert set(lines.flatten().tolist()) == {0, 1}
    assert lines[0, 2:-2, :, 0].sum(dim=1).eq(1).all()


def test_a_line_does_not_depend_on_the_direction() -> None:
    square = torch.zeros(1, 20, 20, 3)
    square[:, 5:14, 5:14] = 1

    lines = canny(square, 0.4, 0.8)

    assert lines.any()
    assert canny(square.rot90(1, (1, 2)), 0.4, 0.8).sum() == lines.sum()


def test_faint_slopes_count_only_beside_steep_ones() -> None:
    faint = step(0.2)
    fading = step() * torch.linspace(1, 0.1, 16).view(1, 16, 1, 1)

    assert canny(faint, 0.2, 0.9).sum() == 0
    assert canny(fading, 0.2, 0.9)[0, 13:].any(), "a line that starts steep goes on where it is faint"
    assert not canny(fading, 0.89, 0.9)[0, 13:].any()


def test_grey_pictures_and_alpha_give_the_same_lines() -> None:
    rgba = torch.cat([step(), torch.rand(1, 16, 16, 1)], dim=-1)

    assert canny(rgba, 0.4, 0.8).equal(canny(step(), 0.4, 0.8))
    assert canny(step()[..., :1], 0.4, 0.8).equal(canny(step(), 0.4, 0.8))
