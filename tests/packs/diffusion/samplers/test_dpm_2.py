from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, moments, noisy, order

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.dpm_2 import dpm_2, dpm_2_ancestral


def test_dpm_2_is_of_second_order() -> None:
    assert order(dpm_2) == pytest.approx(2, abs=0.1)


def test_its_second_question_is_halfway_in_the_logarithm() -> None:
    denoiser = GaussianDenoiser()
    dpm_2(denoiser, noisy(1), torch.tensor([8.0, 2.0, 0.0]), noise=NoiseSource(0))
    assert denoiser.asked == pytest.approx([8, 4, 2])


def test_the_ancestral_one_keeps_the_distribution_of_the_data() -> None:
    mean, deviation = moments(dpm_2_ancestral)
    assert abs(mean) < 0.01
    assert abs(deviation) < 0.02
