from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.adams import ipndm, ipndm_v, lagrange, lms
from inhouse.packs.diffusion.samplers.base import Sampler, Step


def test_lms_is_of_third_order_or_better_after_its_first_steps() -> None:
    assert order(lms) > 3


def test_fixed_and_variable_coefficients_agree_on_even_steps() -> None:
    x, sigmas = noisy(), torch.linspace(8, 2, 8)
    exact, even = (run(GaussianDenoiser(), x, sigmas, noise=NoiseSource(0)) for run in (lms, ipndm))
    torch.testing.assert_close(even, exact, atol=1e-5, rtol=0)


@pytest.mark.parametrize("sampler", [ipndm, ipndm_v])
def test_the_pseudo_numerical_methods_converge_in_second_order_on_uneven_steps(sampler: Sampler) -> None:
    assert order(sampler) > 1.9


@pytest.mark.parametrize("sampler", [ipndm, ipndm_v])
def test_their_last_step_goes_to_the_clean_latent(sampler: Sampler) -> None:
    steps: list[Step] = []
    end = sampler(
        GaussianDenoiser(), noisy(), torch.tensor([8.0, 4.0, 0.0]), noise=NoiseSource(0), callback=steps.append
    )
    torch.testing.assert_close(end, steps[-1].denoised)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=4, unique_by=lambda v: round(v, 1)))
def test_lagrange_polynomials_are_one_at_their_node_and_zero_at_the_others(nodes: list[float]) -> None:
    for j, basis in enumerate(lagrange(nodes)):
        for k, node in enumerate(nodes):
            assert float(basis(node)) == pytest.approx(float(j == k), abs=1e-6)
