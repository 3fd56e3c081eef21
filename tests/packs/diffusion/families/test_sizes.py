from __future__ import annotations

import pytest

from inhouse.packs.diffusion.families.sizes import number_of_sizes, sizes_of


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [512, 768, 0, 0, 512, 768]),
        ({"width": 1024}, [512, 1024, 0, 0, 512, 1024]),
        ({"height": 100, "crop_w": 8, "target_width": 64}, [100, 768, 0, 8, 100, 64]),
    ],
)
def test_what_is_not_said_is_read_off_the_picture(options: dict[str, int], sizes: list[int]) -> None:
    assert sizes_of(options, (64, 96)) == sizes


def unet(vector: int, context: int, *more: str, axes: int = 2) -> dict[str, tuple[int, ...]]:
    """Return the shapes that tell a UNet's family."""
    names = ("input_blocks.0.0.weight", "time_embed.0.weight", "out.2.weight")
    return {
        **dict.fromkeys(names, (4,)),
        "label_emb.0.0.weight": (1280, vector),
        "input_blocks.4.1.proj_in.weight": (64, 64, 1, 1)[:axes],
        "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, context),
        **dict.fromkeys(more, (64, 64)),
    }


@pytest.mark.parametrize(
    ("shapes", "number"),
    [
        (unet(2816, 2048), 6),
        (unet(2560, 1280), 5),
        (unet(2048, 1024, "input_blocks.1.1.proj_in.weight"), 0),  # Stable Diffusion 2 unCLIP
        (unet(5632, 2048), 0),  # Kolors, of another text encoder
        (unet(2816, 2048, axes=4), 0),
        ({"label_emb.0.0.weight": (1280, 2816)}, 0),
    ],
)
def test_sdxl_and_its_refiner_are_told_by_shapes(shapes: dict[str, tuple[int, ...]], number: int) -> None:
    assert number_of_sizes(shapes) == number
