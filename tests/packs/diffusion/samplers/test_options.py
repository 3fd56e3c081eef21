"""Options of samplers: without noise each is its deterministic kin, and orders are what they say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import HIGH, GaussianDenoiser, error, even_in_log, moments, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers import adams, cfg_pp, dpm, dpm_2, dpmpp, dpmpp_sde, er_sde, euler, sa_solver
from inhouse.packs.diffusion.samplers.base import Sampler
from inhouse.packs.diffusion.samplers.registry import WithNoise

PAIRS: list[tuple[Sampler, Sampler]] = [
    (replace(euler.euler_ancestral, eta=0.0), euler.euler),
    (replace(dpm_2.dpm_2_ancestral, eta=0.0), dpm_2.dpm_2),
    (partial(cfg_pp.euler_ancestral_cfg_pp, eta=0.0), cfg_pp.euler_cfg_pp),
    (partial(dpmpp_sde.dpmpp_2m_sde, eta=0.0), dpmpp.dpmpp_2m),
    (partial(adams.lms, order=1), euler.euler),
    (partial(er_sde.er_sde, phi=er_sde.reverse_time(0), order=1), euler.euler),
    (WithNoise(replace(euler.euler_ancestral, eta=0.0), 3.0), euler.euler),
]


@pytest.mark.parametrize(("changed", "kin"), PAIRS)
def test_without_its_option_a_sampler_is_its_kin(changed: Sampler, kin: Sampler) -> None:
    x, sigmas = noisy(), even_in_log(12).float()
    one, other = (s(GaussianDenoiser(), x, sigmas, noise=NoiseSource(0)) for s in (changed, kin))
    torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("sampler", "least"),
    [
        (partial(er_sde.er_sde, phi=er_sde.reverse_time(0), order=2), 1.7),
        (sa_solver.SaSolver(tau=0.0, predictor_order=1, corrector_order=2), 1.7),
        (sa_solver.SaSolver(tau=0.0, predictor_order=2, corrector_order=0), 1.7),
        (sa_solver.SaSolver(tau=0.0, predictor_order=2, corrector_order=0, simple_order_2=True), 1.7),
        (replace(dpmpp.dpmpp_2s_ancestral, eta=0.0), 1.7),
    ],
)
def test_an_order_is_what_it_says(sampler: Sampler, least: float) -> None:
    assert order(sampler) > least


@pytest.mark.parametrize(
    "sampler",
    [
        replace(euler.euler_ancestral, eta=0.5),
        partial(dpmpp_sde.dpmpp_3m_sde, eta=0.5),
        partial(er_sde.er_sde, phi=er_sde.reverse_time(1.0)),
        partial(dpmpp.dpmpp_sde, r=0.3, eta=0.7),
    ],
)
def test_any_share_of_the_noise_keeps_the_distribution_of_the_data(sampler: Sampler) -> None:
    mean, deviation = moments(sampler)
    assert abs(mean) < 0.02
    assert abs(deviation) < 0.03


def test_more_noise_than_the_process_has_spreads_the_result() -> None:
    assert moments(WithNoise(euler.euler_ancestral, 1.5))[1] > 0.1


def test_noise_of_a_scale_is_the_same_noise() -> None:
    x, levels = noisy(2), even_in_log(3).float()
    for kind in ("gaussian", "brownian"):
        arguments = (x,) if kind == "gaussian" else (x, levels)
        one, other = (getattr(NoiseSource(3, scale=scale), kind)(*arguments) for scale in (1.0, 2.0))
        torch.testing.assert_close(other(levels[0], levels[1]), 2 * one(levels[0], levels[1]))


def test_the_adaptive_solver_takes_smaller_steps_for_a_smaller_tolerance() -> None:
    tight, loose = (dpm.DpmAdaptive(order=2, relative=r, absolute=r / 10) for r in (0.001, 0.05))
    assert error(tight, 2) < error(loose, 2) < 0.1 * HIGH
    mean, deviation = moments(dpm.DpmAdaptive(eta=1.0, relative=0.01), count=5000)
    assert abs(mean) < 0.05
    assert abs(deviation) < 0.05
