from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, noisy

from inhouse.packs.diffusion.choices import SAMPLER_NAMES
from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Step, at
from inhouse.packs.diffusion.samplers.registry import SAMPLERS

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
