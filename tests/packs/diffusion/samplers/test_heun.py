from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.heun import heun, heunpp2


def test_heun_is_of_second_order() -> None:
    assert order(heun) == pytest.approx(2, abs=0.1)


def test_heun_asks_twice_a_step_but_for_the_last() -> None:
    denoiser = GaussianDenoiser()
    heun(denoiser, noisy(1), torch.tensor([8.0, 4.0, 2.0, 0.0]), noise=NoiseSource(0))
    assert denoiser.asked == [8, 4, 4, 2, 2]


def test_heunpp2_looks_two_levels_ahead_while_there_are_two() -> None:
    denoiser = GaussianDenoiser()
    heunpp2(denoiser, noisy(1), torch.tensor([8.0, 4.0, 2.0, 0.0]), noise=NoiseSource(0))
    assert denoiser.asked == [8, 4, 2, 4, 2, 2]


def test_heunpp2_also_runs_on_a_schedule_that_does_not_end_in_zero() -> None:
    denoiser = GaussianDenoiser()
    heunpp2(denoiser, noisy(1), torch.tensor([8.0, 4.0, 2.0]), noise=NoiseSource(0))
    assert denoiser.asked == [8, 4, 2, 4, 2]


def test_heunpp2_converges_to_the_flow() -> None:
    assert order(heunpp2) == pytest.approx(1, abs=0.1)
