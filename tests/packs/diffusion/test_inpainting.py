from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.diffusion.guidance import guided
from inhouse.packs.diffusion.inpainting import GRAY_LATENT, condition_on_picture, encode_for_inpaint, grow
from inhouse.packs.diffusion.sampling import sample


class FakeVae:
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.movedim(-1, 1)


@pytest.mark.parametrize(("pixels", "size"), [(0, 1), (1, 1), (3, 3), (6, 6)])
def test_growing_widens_a_mask_by_a_square(pixels: int, size: int) -> None:
    mask = torch.zeros(1, 21, 21)
    mask[0, 10, 10] = 1
    grown = grow(mask, pixels)
    assert grown.shape == mask.shape
    assert grown.sum() == size**2
    assert grown[0, 10, 10] == 1


def test_what_will_be_painted_is_grey_and_its_mask_wider() -> None:
    mask = torch.zeros(1, 16, 16)
    mask[:, 8:, 8:] = 0.6
    latent = encode_for_inpaint(cast("Any", FakeVae()), torch.ones(1, 16, 16, 3), mask, grow_mask_by=3)
    assert latent["samples"][0, 0, 8:, 8:].eq(0.5).all()
    assert latent["samples"].sum() == 3 * (16 * 16 - 64 / 2)
    assert latent["noise_mask"].shape == (1, 1, 16, 16)
    assert latent["noise_mask"].sum() == 9 * 9


def test_odd_sizes_are_cropped_at_the_centre() -> None:
    pixels = torch.arange(20.0)[None, :, None, None].expand(1, 20, 17, 4) / 20
    latent = encode_for_inpaint(cast("Any", FakeVae()), pixels, torch.zeros(1, 5, 5))
    assert latent["samples"].shape == (1, 3, 16, 16)
    torch.testing.assert_close(latent["samples"][0, 0, :, 0], torch.arange(2.0, 18.0) / 20)
    assert latent["noise_mask"].shape == (1, 1, 16, 16)


def half_mask() -> torch.Tensor:
    mask = torch.zeros(1, 16, 16)
    mask[:, :, 8:] = 0.6
    return mask


def test_a_picture_and_what_to_paint_in_it_become_conditioning() -> None:
    positive, negative, latent = condition_on_picture(
        text(1), text(0), cast("Any", FakeVae()), torch.ones(1, 16, 16, 3), half_mask()
    )
    for ((_, options),) in (positive, negative):
        assert options["concat_latent_image"][0, 0, :, 8:].eq(0.5).all()
        assert options["concat_latent_image"][0, 0, :, :8].eq(1).all()
        assert options["concat_mask"].equal(half_mask())
    assert latent["samples"].eq(1).all()
    assert latent["noise_mask"].equal(half_mask()[:, None])


def test_the_rest_of_the_picture_may_be_left_to_the_model() -> None:
    *_, latent = condition_on_picture(
        text(1), text(0), cast("Any", FakeVae()), torch.ones(1, 16, 16, 3), half_mask(), noise_mask=False
    )
    assert "noise_mask" not in latent


def shown(positive: list[list[Any]], latent: dict[str, Any]) -> torch.Tensor:
    network = FakeNetwork(in_channels=9)
    settings: dict[str, Any] = {"seed": 0, "steps": 1, "cfg": 1.0, "sampler": "euler", "schedule": "normal"}
    sample(cast("Any", network), positive=positive, negative=[], latent=latent, **settings)
    return network.beside[0]


def test_a_model_sees_the_picture_of_its_conditioning_scaled_and_the_mask_cut_at_a_half() -> None:
    told: dict[str, Any] = {"concat_latent_image": torch.full((1, 4, 2, 2), 6.0), "concat_mask": half_mask()}
    beside = shown(text(1, **told), {"samples": torch.zeros(2, 4, 2, 2)})
    assert beside.shape == (2, 5, 2, 2)
    assert beside[0, 0].tolist() == [[0, 1], [0, 1]]
    assert beside[:, 1:].eq(3).all()


def test_without_one_it_sees_the_latent_under_its_noise_mask() -> None:
    beside = shown(text(1), {"samples": torch.full((1, 4, 2, 2), 4.0), "noise_mask": half_mask()[:, None]})
    assert beside[0, 0].tolist() == [[0, 1], [0, 1]]
    assert beside[:, 1:].eq(2).all()


def test_without_a_mask_it_sees_grey_to_be_painted() -> None:
    beside = shown(text(1), {"samples": torch.full((1, 4, 2, 2), 4.0)})
    assert beside[0, :, 0, 0].tolist() == pytest.approx([1, *GRAY_LATENT])


def test_a_model_that_wants_to_see_something_unknown_is_refused() -> None:
    network = cast("Any", FakeNetwork(in_channels=6))
    with pytest.raises(ModelUnsupportedError, match="6 channels"):
        guided(network, text(1), [], 1.0, torch.zeros(1, 4, 2, 2))
