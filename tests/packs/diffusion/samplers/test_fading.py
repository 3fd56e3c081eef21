from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import DEVIATION, MEAN, GaussianDenoiser, even_in_log, noisy

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.noise_levels import FlowLevels
from inhouse.packs.diffusion.prediction import Flow, Prediction, expand
from inhouse.packs.diffusion.samplers.base import Step, ignore
from inhouse.packs.diffusion.samplers.fading import for_fading_signals, with_signal
from inhouse.packs.diffusion.samplers.registry import SAMPLERS

if TYPE_CHECKING:
    from torch import Tensor

STOCHASTIC = (
    "dpm_2_ancestral",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_heun",
    "dpmpp_2s_ancestral",
    "dpmpp_3m_sde",
    "dpmpp_sde",
    "er_sde",
    "euler_ancestral",
    "euler_ancestral_cfg_pp",
    "sa_solver",
    "seeds_2",
    "seeds_3",
)


@dataclass(frozen=True)
class FadingDenoiser:
    """The same data behind (1 - sigma) * x0 + sigma * noise."""

    prediction: Prediction = field(default_factory=lambda: Flow(FlowLevels()))
    asked: list[float] = field(default_factory=list)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self.asked.append(float(sigma[0]))
        level = expand(sigma, x).to(x)
        signal = 1 - level
        return MEAN + DEVIATION**2 * signal * (x - signal * MEAN) / (signal**2 * DEVIATION**2 + level**2)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), self(x, sigma)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_from_pure_noise_to_the_datas_distribution(name: str) -> None:
    x = torch.randn(4000, 1, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sigmas = torch.cat([torch.ones(1), torch.linspace(6, -5, 60).sigmoid(), torch.zeros(1)])
    result = SAMPLERS[name](FadingDenoiser(), x, sigmas, noise=NoiseSource(3))
    assert float(result.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(result.std()) == pytest.approx(DEVIATION, abs=0.05)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_run_that_ends_in_noise_ends_at_that_level(name: str) -> None:
    x = torch.randn(4000, 1, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sigmas = FlowLevels().sigma(torch.linspace(1000, 200, 33))
    result = SAMPLERS[name](FadingDenoiser(), x, sigmas, noise=NoiseSource(3))
    level = float(sigmas[-1])
    assert float(result.mean()) == pytest.approx((1 - level) * MEAN, abs=0.02)
    assert float(result.std()) == pytest.approx(math.hypot((1 - level) * DEVIATION, level), abs=0.02)


def test_a_constant_signal_makes_no_difference() -> None:
    def solver(denoiser: GaussianDenoiser, x: Tensor, sigmas: Tensor, **_: object) -> Tensor:
        return denoiser(x, sigmas[0].float().expand(len(x)))

    x, sigmas = noisy(), even_in_log(4)
    changed = for_fading_signals(solver)(GaussianDenoiser(), x, sigmas, noise=NoiseSource(0), callback=ignore)
    assert torch.equal(changed, solver(GaussianDenoiser(), x, sigmas))


def test_what_is_told_of_a_step_is_the_models_own_latent_and_level() -> None:
    x = torch.randn(2, 1, 2, 2)
    sigmas = torch.tensor([0.9, 0.6, 0.3, 0.0])
    steps: list[Step] = []
    SAMPLERS["dpmpp_2m_sde"](FadingDenoiser(), x, sigmas, noise=NoiseSource(0), callback=steps.append)
    assert [step.sigma for step in steps] == pytest.approx([0.9, 0.6, 0.3])
    torch.testing.assert_close(steps[0].x, x)


def test_the_first_level_has_some_signal_left() -> None:
    sigmas = torch.tensor([1.0, 0.5, 0.0])
    levels = with_signal(sigmas, Flow(FlowLevels()))
    assert 0.9999 < float(levels[0]) < 1
    assert levels[1:].tolist() == [0.5, 0.0]
    assert sigmas[0] == 1
    assert with_signal(levels, Flow(FlowLevels())) is levels
