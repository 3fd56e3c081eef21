from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Step
from inhouse.packs.diffusion.samplers.deis import deis, vp_time


def test_deis_is_nearly_of_third_order() -> None:
    assert order(deis) > 2.5


def test_its_time_runs_up_to_one_over_the_process() -> None:
    assert vp_time(0.002) == pytest.approx(0.001)
    assert vp_time(80.0) == pytest.approx(1)


def test_the_last_step_goes_to_the_clean_latent() -> None:
    steps: list[Step] = []
    end = deis(GaussianDenoiser(), noisy(), torch.tensor([8.0, 4.0, 0.0]), noise=NoiseSource(0), callback=steps.append)
    torch.testing.assert_close(end, steps[-1].denoised)
