from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, moments, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler
from inhouse.packs.diffusion.samplers.res_multistep import (
    phi_2,
    res_multistep,
    res_multistep_ancestral,
    res_multistep_ancestral_cfg_pp,
    res_multistep_cfg_pp,
)


def test_it_is_of_second_order() -> None:
    assert order(res_multistep) > 1.9


def test_the_ancestral_one_keeps_the_distribution_of_the_data() -> None:
    mean, deviation = moments(res_multistep_ancestral)
    assert abs(mean) < 0.01
    assert abs(deviation) < 0.01


@pytest.mark.parametrize(
    ("guided", "plain"),
    [(res_multistep_cfg_pp, res_multistep), (res_multistep_ancestral_cfg_pp, res_multistep_ancestral)],
)
def test_without_guidance_cfg_pp_changes_nothing(guided: Sampler, plain: Sampler) -> None:
    x, sigmas = noisy(), torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    one, other = (run(GaussianDenoiser(), x, sigmas, noise=NoiseSource(1)) for run in (guided, plain))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@given(st.floats(0.01, 5))
def test_phi_2_is_the_integral_of_a_slope_under_exponential_decay(h: float) -> None:
    points = torch.linspace(0, 1, 10_001, dtype=torch.float64)
    integral = torch.trapezoid(h * (-h * (1 - points)).exp() * points, points)
    assert float(phi_2(torch.tensor(h, dtype=torch.float64))) == pytest.approx(float(integral), rel=1e-5)
