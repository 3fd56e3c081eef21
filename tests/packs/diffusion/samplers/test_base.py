from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.diffusion.samplers.base import ancestral_step, at, to_d


@given(st.floats(0.1, 50), st.floats(0, 1), st.floats(0, 1))
def test_the_variances_of_an_ancestral_step_add_up_to_the_next_level(high: float, share: float, eta: float) -> None:
    sigma, sigma_next = (torch.tensor(value, dtype=torch.float64) for value in (high, high * share))
    down, up = ancestral_step(sigma, sigma_next, eta)
    assert float(down**2 + up**2) == pytest.approx(float(sigma_next**2))
    assert 0 <= down <= sigma_next * (1 + 1e-9)


def test_without_eta_a_step_is_deterministic() -> None:
    down, up = ancestral_step(torch.tensor(2.0), torch.tensor(1.0), 0)
    assert (float(down), float(up)) == (1, 0)


def test_levels_are_told_for_each_sample_in_full_precision() -> None:
    levels = at(torch.tensor(0.1), torch.zeros(3, 4, 8, 8, dtype=torch.bfloat16))
    assert levels.shape == (3,)
    assert levels.dtype == torch.float32


def test_the_direction_points_from_the_clean_latent_to_the_noise() -> None:
    x, noise = torch.full((1, 2), 3.0), torch.tensor([[1.0, -1.0]])
    torch.testing.assert_close(to_d(x + 5 * noise, torch.tensor(5.0), x), noise)
