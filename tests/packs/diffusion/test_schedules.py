from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from inhouse.packs.diffusion.choices import SCHEDULE_NAMES
from inhouse.packs.diffusion.noise_levels import DiscreteLevels, FlowLevels, LogLevels
from inhouse.packs.diffusion.prediction import Epsilon, Flow, Preconditioned, Velocity
from inhouse.packs.diffusion.schedules import (
    DISCARD_PENULTIMATE_SIGMA,
    SCHEDULES,
    partial_sigmas,
    sampler_sigmas,
    without_penultimate_sigma,
)

GOLDEN = load_file(Path(__file__).parents[2] / "data/diffusion/sigmas.safetensors")
STABLE_DIFFUSION = Epsilon(DiscreteLevels.from_betas())


def golden(kind: str) -> list[str]:
    return [name for name in GOLDEN if name.startswith(kind)]


def test_the_table_has_the_names_that_workflows_use() -> None:
    assert tuple(SCHEDULES) == SCHEDULE_NAMES


@pytest.mark.parametrize("name", [name for name in golden("sigmas/") if name != "sigmas/kl_optimal/1"])
def test_sigmas_are_those_of_comfyui_to_the_last_bit(name: str) -> None:
    _, schedule, steps = name.split("/")
    assert torch.equal(SCHEDULES[schedule](STABLE_DIFFUSION, int(steps)), GOLDEN[name])


@pytest.mark.parametrize("name", golden("flow_sigmas/"))
def test_sigmas_of_a_flow_are_those_of_comfyui(name: str) -> None:
    _, schedule, steps = name.split("/")
    made = SCHEDULES[schedule](Flow(FlowLevels(shift=3.0)), int(steps))
    torch.testing.assert_close(made, GOLDEN[name], rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", golden("ksampler_sigmas/"))
def test_sigmas_of_a_sampler_at_less_denoise_are_those_of_comfyui(name: str) -> None:
    _, sampler, schedule, steps, denoise = name.split("/")
    made = sampler_sigmas(sampler, schedule, STABLE_DIFFUSION, int(steps), denoise=float(denoise))
    assert torch.equal(made, GOLDEN[name])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 999, 1000, 1500])
def test_any_number_of_steps_falls_to_zero(schedule: str, steps: int) -> None:
    predictions = (
        STABLE_DIFFUSION,
        Velocity(DiscreteLevels.from_betas(zero_terminal_snr=True)),
        Flow(FlowLevels()),
        Preconditioned(LogLevels(0.002, 80.0), 0.5),
    )
    for prediction in predictions:
        sigmas = SCHEDULES[schedule](prediction, steps)
        assert sigmas.dtype == torch.float32
        assert bool((sigmas.diff() <= 0).all())
        assert sigmas[-1] == 0
        assert sigmas[0] <= prediction.sigma_max * 1.00001


@given(schedule=st.sampled_from(sorted(SCHEDULES)), steps=st.integers(1, 40), denoise=st.floats(0.02, 1))
def test_less_denoise_keeps_the_number_of_steps(schedule: str, steps: int, denoise: float) -> None:
    sigmas = partial_sigmas(SCHEDULES[schedule], STABLE_DIFFUSION, steps, denoise)
    whole = SCHEDULES[schedule](STABLE_DIFFUSION, int(steps / denoise))
    assert torch.equal(sigmas[-steps - 1 :], whole[-steps - 1 :])


def test_no_denoise_is_no_step() -> None:
    assert len(sampler_sigmas("euler", "karras", STABLE_DIFFUSION, 20, denoise=0)) == 0


def test_some_samplers_skip_the_last_but_one_level() -> None:
    karras = SCHEDULES["karras"]
    short = without_penultimate_sigma(karras)(STABLE_DIFFUSION, 6)
    assert len(short) == 7
    assert torch.equal(short[:-1], karras(STABLE_DIFFUSION, 7)[:-2])
    for sampler in DISCARD_PENULTIMATE_SIGMA:
        assert torch.equal(sampler_sigmas(sampler, "karras", STABLE_DIFFUSION, 6), short)


def test_a_single_step_of_kl_optimal_starts_at_the_highest_level() -> None:
    # ComfyUI's own starts at NaN.
    sigmas = SCHEDULES["kl_optimal"](STABLE_DIFFUSION, 1)
    assert sigmas.tolist() == pytest.approx([STABLE_DIFFUSION.sigma_max, 0], rel=1e-5)


def test_an_unknown_schedule_is_an_error() -> None:
    with pytest.raises(KeyError):
        sampler_sigmas("euler", "nonsense", STABLE_DIFFUSION, 20)
