"""Sampling as custom packs call it comes to what our own nodes come to."""

from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.errors import InterruptedRunError
from inhouse.packs.diffusion import comfy_calls
from inhouse.packs.diffusion.noise import initial_noise
from inhouse.packs.diffusion.sampling import sample as sample_latent

LATENT = torch.zeros(1, 4, 4, 8)
NOISE = initial_noise(LATENT, 1)
MODEL = cast("Any", FakeNetwork())
SETTINGS: dict[str, Any] = {"positive": text(2), "negative": text(0)}


def ours(**changes: Any) -> torch.Tensor:
    settings = {"seed": 1, "steps": 4, "cfg": 1.0, "sampler": "euler_ancestral", "schedule": "karras", **changes}
    samples: torch.Tensor = sample_latent(MODEL, latent={"samples": LATENT}, **SETTINGS, **settings)["samples"]
    return samples


def theirs(**changes: Any) -> torch.Tensor:
    settings = {"latent_image": LATENT, "seed": 1, **SETTINGS, **changes}
    return comfy_calls.sample(MODEL, NOISE, 4, 1.0, "euler_ancestral", "karras", **settings)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"denoise": 0.5},
        {"last_step": 2, "force_full_denoise": False},
        {"last_step": 2, "force_full_denoise": True},
        {"start_step": 1},
        {"start_step": 9},
        {"disable_noise": True},
    ],
)
def test_the_same_settings_give_the_same_latent(changes: dict[str, Any]) -> None:
    assert theirs(**changes).equal(ours(**changes))


def test_noise_that_a_pack_made_is_the_noise_used() -> None:
    assert not theirs(last_step=1).equal(
        comfy_calls.sample(
            MODEL, NOISE + 1, 4, 1.0, "euler_ancestral", "karras", latent_image=LATENT, seed=1, last_step=1, **SETTINGS
        )
    )


def test_a_mask_keeps_what_is_outside_of_it() -> None:
    start = torch.full_like(LATENT, 5.0)
    kept = theirs(latent_image=start, noise_mask=torch.zeros(1, 1, 4, 8))
    torch.testing.assert_close(kept, start)


def test_every_way_to_sample_comes_to_the_same() -> None:
    sampler = comfy_calls.MEMBERS["comfy.samplers"]["sampler_object"]("euler_ancestral")
    sigmas = comfy_calls.calculate_sigmas(MODEL.prediction, "karras", 4)
    custom = comfy_calls.sample_custom(MODEL, NOISE, 1.0, sampler, sigmas, text(2), text(0), LATENT, seed=1)
    whole = comfy_calls.KSampler(MODEL, 4, "cpu", "euler_ancestral", "karras", 1.0)
    assert custom.equal(ours())
    assert whole.sample(NOISE, text(2), text(0), 1.0, LATENT, seed=1).equal(ours())
    assert whole.sample(NOISE, text(2), text(0), 1.0, seed=1).equal(ours())


def test_an_unknown_sampler_is_the_first_one() -> None:
    made = comfy_calls.KSampler(MODEL, 4, sampler="magic", scheduler="magic")
    assert (made.sampler, made.scheduler, len(made.sigmas)) == ("euler", "simple", 5)


def test_steps_are_told_from_zero_and_can_stop_the_sampling() -> None:
    told: list[tuple[int, int, torch.Size]] = []

    def callback(step: int, x0: torch.Tensor, x: torch.Tensor, total: int) -> None:
        told.append((step, total, x.shape))
        assert x0.shape == x.shape
        if step == 1:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        theirs(callback=callback)
    assert told == [(0, 4, LATENT.shape), (1, 4, LATENT.shape)]
