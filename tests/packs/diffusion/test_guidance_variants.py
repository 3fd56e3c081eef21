from __future__ import annotations

from typing import Any

import torch
from tests.packs.diffusion.fakes import place, sample_prediction
from torch import Tensor

from inhouse.packs.diffusion.guidance import GuidanceStep, classifier_free
from inhouse.packs.diffusion.guidance_variants import perturbed_attention, rescaled
from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.patches import Patches, Site


def step(**changes: Any) -> GuidanceStep:
    x, positive, negative = torch.randn(3, 2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([2.0, 2.0])
    settings: dict[str, Any] = {"x": x, "sigma": sigma, "positive": positive, "negative": negative, "cfg": 7.0}
    settings |= {"prediction": sample_prediction(), "predict": lambda **_: positive, **changes}
    return GuidanceStep(**settings)


def velocity(at: GuidanceStep, denoised: Tensor) -> Tensor:
    return ((at.x - denoised) / 2 - 2 * denoised) / 5**0.5


def test_without_rescaling_it_is_classifier_free_guidance() -> None:
    torch.testing.assert_close(rescaled(0.0)(step()), classifier_free(step()))


def test_rescaled_fully_the_velocity_varies_as_much_as_the_positive_one() -> None:
    at = step()
    deviations = [velocity(at, denoised)[0].std() for denoised in (rescaled(1.0)(at), at.positive)]
    torch.testing.assert_close(*deviations)


def test_perturbed_attention_pushes_away_from_the_perturbed_prediction() -> None:
    at = step(predict=lambda **_: torch.zeros(2, 4, 8, 8))
    torch.testing.assert_close(perturbed_attention(3.0)(at, at.negative), at.negative + 3 * at.positive)


def test_no_scale_asks_nothing() -> None:
    at = step(predict=None)
    assert perturbed_attention(0.0)(at, at.negative) is at.negative


def test_only_self_attention_in_the_middle_is_perturbed() -> None:
    asked: list[Patches] = []

    def predict(*, patches: Patches) -> Tensor:
        asked.append(patches)
        return torch.zeros(2, 4, 8, 8)

    perturbed_attention(1.0)(step(predict=predict), torch.zeros(2, 4, 8, 8))
    query, key, value = torch.randn(3, 1, 4, 8)

    def site(part: str, *, cross: bool) -> Site:
        return Site(place(part), depth=0, cross=cross, height=2, width=2)

    attend = asked[0].around_attention(sdpa)
    assert attend(query, key, value, 2, site("middle", cross=False)).equal(value)
    for other in (site("middle", cross=True), site("input", cross=False), None):
        torch.testing.assert_close(attend(query, key, value, 2, other), sdpa(query, key, value, 2))
