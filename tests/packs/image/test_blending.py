import pytest
import torch

from inhouse.packs.image.blending import blend


def pixel(value: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 3), value)


@pytest.mark.parametrize(
    ("mode", "base", "top", "expected"),
    [
        ("normal", 0.2, 0.6, 0.6),
        ("multiply", 0.5, 0.5, 0.25),
        ("screen", 0.5, 0.5, 0.75),
        ("overlay", 0.25, 0.5, 0.25),
        ("overlay", 0.75, 0.5, 0.75),
        ("soft_light", 0.5, 0.25, 0.375),
        ("soft_light", 0.25, 1.0, 0.5),
        ("soft_light", 0.36, 1.0, 0.6),
        ("difference", 0.75, 0.5, 0.25),
        ("difference", 0.5, 0.75, 0.0),
    ],
)
def test_a_mode_gives_what_its_formula_says(mode: str, base: float, top: float, expected: float) -> None:
    assert torch.allclose(blend(pixel(base), pixel(top), 1.0, mode), pixel(expected))


def test_the_factor_mixes_base_and_blend() -> None:
    assert torch.allclose(blend(pixel(0.0), pixel(1.0), 0.25, "normal"), pixel(0.25))
    assert torch.allclose(blend(pixel(0.3), pixel(1.0), 0.0, "screen"), pixel(0.3))


def test_the_second_picture_takes_size_channels_and_batch_of_the_first() -> None:
    blended = blend(torch.zeros(3, 6, 4, 3), torch.ones(2, 2, 2, 4), 1.0, "normal")

    assert blended.shape == (3, 6, 4, 3)
    assert torch.allclose(blended, torch.ones(()))
