from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import HIGH, GaussianDenoiser, error, even_in_log, moments, noisy, order

from inhouse.packs.diffusion.choices import SAMPLER_NAMES
from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers import adams, cfg_pp, dpm, dpm_2, dpmpp, dpmpp_sde, er_sde, euler, sa_solver
from inhouse.packs.diffusion.samplers.base import Sampler, Step, at
from inhouse.packs.diffusion.samplers.registry import SAMPLERS, WithNoise

NAMES = list(SAMPLERS)
SIGMAS = torch.tensor([14.6, 6.0, 2.5, 1.0, 0.4, 0.03, 0.0])


def run(name: str, x: torch.Tensor, sigmas: torch.Tensor = SIGMAS, seed: int = 0) -> torch.Tensor:
    return SAMPLERS[name](GaussianDenoiser(-1.0), x, sigmas, noise=NoiseSource(seed))


def test_each_name_that_workflows_use_is_there() -> None:
    assert tuple(NAMES) == SAMPLER_NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_step_is_told_once_in_order(name: str) -> None:
    steps: list[Step] = []
    SAMPLERS[name](GaussianDenoiser(), noisy(2), SIGMAS, noise=NoiseSource(0), callback=steps.append)
    assert [step.index for step in steps] == list(range(len(steps)))
    if name not in {"dpm_fast", "dpm_adaptive"}:  # these choose steps of their own
        assert [step.sigma for step in steps] == pytest.approx(SIGMAS[:-1].tolist())
    assert all(step.x.shape == step.denoised.shape == (2, 1, 2, 2) for step in steps)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_result_every_time_and_whatever_the_process_draws(name: str) -> None:
    x = noisy(2)
    first = run(name, x)
    torch.rand(1)
    before = torch.get_rng_state()
    assert torch.equal(run(name, x), first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", NAMES)
def test_the_result_has_the_shape_and_type_of_the_latent(name: str) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        end = run(name, noisy(3).to(dtype))
        assert end.shape == (3, 1, 2, 2)
        assert end.dtype == dtype
        assert bool(end.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_without_a_step_the_latent_comes_back_as_it_is(name: str) -> None:
    x = noisy(2)
    for sigmas in (torch.empty(0), torch.tensor([14.6]), torch.tensor([0.0])):
        assert torch.equal(run(name, x, sigmas), x)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_step_goes_to_the_clean_latent(name: str) -> None:
    x, denoiser = noisy(2), GaussianDenoiser()
    torch.testing.assert_close(
        run(name, x, torch.tensor([14.6, 0.0])), denoiser(x, at(torch.tensor(14.6), x)), atol=2e-3, rtol=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_callback_stops_the_sampler_by_raising(name: str) -> None:
    class StopError(Exception):
        pass

    def stop(step: Step) -> None:
        if step.index == 1:
            raise StopError

    with pytest.raises(StopError):
        SAMPLERS[name](GaussianDenoiser(), noisy(2), SIGMAS, noise=NoiseSource(0), callback=stop)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_gpu")])
def test_on_the_cpu_a_gpu_sampler_is_its_twin(name: str) -> None:
    assert torch.equal(run(name, noisy(2)), run(name.removesuffix("_gpu"), noisy(2)))


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
