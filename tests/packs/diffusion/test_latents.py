from __future__ import annotations

from typing import Any

import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion import latents as la


def latent(value: float = 0.0, batch: int = 1, height: int = 8, width: int = 16, **more: Any) -> dict[str, Any]:
    return {"samples": torch.full((batch, 4, height, width), float(value)), **more}


def numbered(batch: int) -> dict[str, Any]:
    return {"samples": torch.arange(float(batch)).reshape(batch, 1, 1, 1).expand(batch, 4, 8, 16).clone()}


def test_an_empty_latent_is_an_eighth_of_the_picture() -> None:
    assert la.empty(128, 64, 2)["samples"].shape == (2, 4, 8, 16)
    assert la.empty(64, 64, channels=16)["samples"].shape == (1, 16, 8, 8)


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(256, 64, (8, 32)), (0, 128, (16, 32)), (256, 0, (16, 32)), (0, 0, (8, 16)), (16, 16, (8, 8))],
)
def test_upscaling_fills_in_a_missing_side(width: int, height: int, shape: tuple[int, int]) -> None:
    assert la.upscale(latent(kept=1), "bilinear", width, height)["samples"].shape[-2:] == shape
    assert la.upscale(latent(kept=1), "bilinear", width, height)["kept"] == 1


def test_upscaling_by_a_factor_rounds_to_latent_pixels() -> None:
    assert la.upscale_by(latent(), "area", 1.5)["samples"].shape[-2:] == (12, 24)
    assert la.upscale_by(latent(), "area", 0.01)["samples"].shape[-2:] == (1, 1)


def test_taking_from_a_batch_keeps_noise_and_mask() -> None:
    taken = la.from_batch({**numbered(4), "noise_mask": numbered(4)["samples"][:, :1]}, 2, 2)
    assert taken["samples"][:, 0, 0, 0].tolist() == [2, 3]
    assert taken["noise_mask"][:, 0, 0, 0].tolist() == [2, 3]
    assert taken["batch_index"] == [2, 3]
    assert la.from_batch(taken, 1)["batch_index"] == [3]


def test_taking_beyond_a_batch_takes_its_end() -> None:
    assert la.from_batch(numbered(3), 9, 5)["samples"][:, 0, 0, 0].tolist() == [2]


def test_repeating_gives_each_repetition_noise_of_its_own() -> None:
    repeated = la.repeat_batch({**numbered(2), "batch_index": [3, 4]}, 2)
    assert repeated["samples"][:, 0, 0, 0].tolist() == [0, 1, 0, 1]
    assert repeated["batch_index"] == [3, 4, 5, 6]
    assert "batch_index" not in la.repeat_batch(numbered(2), 2)
    mask = torch.arange(2.0).reshape(2, 1, 1, 1)
    assert la.repeat_batch({**numbered(2), "noise_mask": mask}, 2)["noise_mask"].flatten().tolist() == [0, 1, 0, 1]


def test_pasting_cuts_off_what_lies_beyond_the_border() -> None:
    result = la.composite(latent(0), latent(1), x=64, y=32)["samples"][0, 0]
    assert result[4:, 8:].eq(1).all()
    assert result.sum() == 4 * 8
    assert la.composite(latent(0), latent(1), x=128, y=0)["samples"].eq(0).all()


def test_pasted_borders_fade_inside_only() -> None:
    result = la.composite(latent(0), latent(1, height=4, width=4), x=0, y=0, feather=16)["samples"][0, 0]
    assert result[0, :4].tolist() == [1, 1, 1, 0.5]
    assert result[3, 3] == 0.25


def test_masked_pasting_stretches_mask_and_source() -> None:
    mask = torch.zeros(1, 32, 32)
    mask[..., 16:] = 1
    result = la.composite_masked(latent(0), latent(1, height=4, width=4), 64, 0, mask=mask)["samples"][0, 0]
    assert result[:4, 10:12].eq(1).all()
    assert result.sum() == 4 * 2
    whole = la.composite_masked(latent(0), latent(1, height=4, width=4), 0, 0, resize_source=True)
    assert whole["samples"].eq(1).all()


def test_arithmetic_resizes_the_second_to_the_first() -> None:
    first, second = latent(1, batch=2), latent(3, height=4, width=8)
    assert la.blend(first, second, 0.25)["samples"].eq(2.5).all()
    assert la.add(first, second)["samples"].eq(4).all()
    assert la.subtract(first, second)["samples"].eq(-2).all()
    assert la.multiply(first, 3)["samples"].eq(3).all()
    assert la.add(first, second)["samples"].shape == first["samples"].shape


def test_latents_of_other_channels_do_not_mix() -> None:
    with pytest.raises(NodeInputError, match="4 and 16 channels"):
        la.add(latent(), {"samples": torch.zeros(1, 16, 8, 16)})


def test_interpolating_keeps_the_length_of_vectors_of_one_length() -> None:
    first, second = ({"samples": torch.eye(2).repeat(1, 1).reshape(2, 2, 1, 1)[k : k + 1] * 3} for k in (0, 1))
    mixed = la.interpolate(first, second, 0.3)["samples"]
    torch.testing.assert_close(mixed.norm(dim=1), torch.full((1, 1, 1), 3.0))
    torch.testing.assert_close(la.interpolate(first, second, 1.0)["samples"], first["samples"])


def test_batches_are_joined_with_the_noise_of_each() -> None:
    joined = la.batch({**numbered(2), "batch_index": [7, 8]}, latent(5, batch=1))
    assert joined["samples"][:, 0, 0, 0].tolist() == [0, 1, 5]
    assert joined["batch_index"] == [7, 8, 0]


def test_turning_is_clockwise() -> None:
    corner = latent()
    corner["samples"][0, :, 0, 0] = 1
    for rotation, (row, column) in zip(la.ROTATIONS, [(0, 0), (0, -1), (-1, -1), (-1, 0)], strict=True):
        assert la.rotate(corner, rotation)["samples"][0, 0, row, column] == 1
    assert la.flip(corner, la.FLIPS[0])["samples"][0, 0, -1, 0] == 1
    assert la.flip(corner, la.FLIPS[1])["samples"][0, 0, 0, -1] == 1
    with pytest.raises(NodeInputError, match="90 degrees"):
        la.rotate(corner, "45 degrees")


def test_cropping_moves_the_rectangle_inside() -> None:
    samples = torch.arange(16.0).expand(1, 4, 8, 16)
    assert la.crop({"samples": samples}, 64, 64, 16, 0)["samples"][0, 0, 0].tolist() == list(range(2, 10))
    assert la.crop({"samples": samples}, 64, 64, 9999, 0)["samples"][0, 0, 0].tolist() == list(range(8, 16))


def test_a_noise_mask_gets_a_channel() -> None:
    assert la.set_noise_mask(latent(), torch.ones(2, 64, 128))["noise_mask"].shape == (2, 1, 64, 128)
    assert la.set_noise_mask(latent(), torch.ones(64, 128))["noise_mask"].shape == (1, 1, 64, 128)
