from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from inhouse.packs.diffusion.noise_levels import (
    DiscreteLevels,
    FlowLevels,
    LogLevels,
    NoiseLevels,
    rescale_zero_terminal_snr,
    scaled_linear_betas,
)

GOLDEN = load_file(Path(__file__).parents[2] / "data/diffusion/sigmas.safetensors")
ALL: list[NoiseLevels] = [
    DiscreteLevels.from_betas(),
    DiscreteLevels.from_betas(zero_terminal_snr=True),
    DiscreteLevels.from_betas().every(20),
    LogLevels(0.002, 80.0),
    FlowLevels(3.0),
]


def test_the_levels_of_stable_diffusion_are_those_of_comfyui() -> None:
    assert torch.equal(DiscreteLevels.from_betas().sigmas, GOLDEN["levels/scaled_linear"])


def test_levels_from_the_signals_power_are_those_from_betas() -> None:
    power = (1 - scaled_linear_betas()).cumprod(0)
    assert torch.equal(DiscreteLevels.from_alphas_cumprod(power).sigmas, DiscreteLevels.from_betas().sigmas)


@pytest.mark.parametrize("levels", ALL)
def test_levels_rise_and_come_with_their_logarithms(levels: NoiseLevels) -> None:
    assert bool((levels.sigmas.diff() > 0).all())
    torch.testing.assert_close(levels.log_sigmas, levels.sigmas.log(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("levels", ALL[:3])
def test_each_level_of_a_table_has_a_timestep_of_its_own(levels: DiscreteLevels) -> None:
    timesteps = levels.timestep(levels.sigmas)
    assert timesteps.tolist() == list(range(levels.stride - 1, 1000, levels.stride))
    torch.testing.assert_close(levels.sigma(timesteps), levels.sigmas, rtol=1e-6, atol=0)


@given(st.floats(0, 999))
def test_a_fractional_timestep_lies_between_its_neighbours(timestep: float) -> None:
    levels = ALL[0]
    low, here, high = levels.sigma(torch.tensor([float(int(timestep)), timestep, min(int(timestep) + 1.0, 999.0)]))
    assert low * 0.9999 <= here <= high * 1.0001


def test_a_level_halfway_between_two_timesteps_is_decided_as_in_comfyui() -> None:
    halfway = torch.tensor([832.5, 499.5, 166.5])
    plain, bent = ALL[:2]
    assert plain.timestep(plain.sigma(halfway)).tolist() == [833, 500, 166]
    assert bent.timestep(bent.sigma(halfway))[1] == 499


def test_zero_terminal_snr_leaves_the_lowest_level_and_next_to_no_signal_at_the_highest() -> None:
    plain, bent = (levels.sigmas for levels in ALL[:2])
    assert bent[0] == pytest.approx(float(plain[0]), rel=1e-5)
    assert bent[-1] == pytest.approx(4518.77, rel=1e-5)
    power = rescale_zero_terminal_snr((1 - scaled_linear_betas()).cumprod(0))
    assert bool((power.diff() < 0).all())


@given(st.floats(0.002, 80))
def test_log_levels_are_known_by_a_quarter_of_their_logarithm(sigma: float) -> None:
    levels = LogLevels(0.002, 80.0)
    timestep = levels.timestep(torch.tensor(sigma))
    assert float(timestep.mul(4).exp()) == pytest.approx(sigma, rel=1e-4)
    assert float(levels.sigma(timestep)) == pytest.approx(sigma, rel=1e-4)


def test_a_flow_of_shift_one_is_even_in_time() -> None:
    torch.testing.assert_close(FlowLevels(1.0).sigmas, torch.arange(1, 1001) / 1000)
    assert float(FlowLevels(3.0).sigma(torch.tensor(500.0))) == pytest.approx(0.75)


@pytest.mark.parametrize("levels", ALL)
def test_a_share_of_the_timesteps_falls_from_the_highest_level_to_the_lowest(levels: NoiseLevels) -> None:
    sigmas = [levels.percent_to_sigma(percent) for percent in (0.001, 0.25, 0.5, 0.75, 0.999)]
    assert sigmas == sorted(sigmas, reverse=True)
    assert levels.sigmas[0] * 0.5 < sigmas[-1] < sigmas[0] <= levels.sigmas[-1]
