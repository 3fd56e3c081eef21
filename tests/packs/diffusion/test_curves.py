from __future__ import annotations

import math

import pytest
import torch

from inhouse.packs.diffusion import curves


@pytest.mark.parametrize(
    "sigmas",
    [
        curves.karras(10, 14.6, 0.03),
        curves.exponential(10, 14.6, 0.03),
        curves.polyexponential(10, 14.6, 0.03, 2.0),
        curves.laplace(10, 14.6, 0.03),
    ],
)
def test_levels_fall_from_the_highest_to_the_lowest_and_then_to_zero(sigmas: torch.Tensor) -> None:
    assert len(sigmas) == 11
    assert sigmas[0] == pytest.approx(14.6, rel=1e-5)
    assert sigmas[-2] == pytest.approx(0.03, rel=1e-4)
    assert sigmas[-1] == 0
    assert bool((sigmas.diff() < 0).all())


def test_a_power_of_one_spreads_the_logarithm_evenly() -> None:
    torch.testing.assert_close(curves.polyexponential(7, 10, 0.1, 1.0), curves.exponential(7, 10, 0.1))


def test_the_middle_of_a_laplace_schedule_is_its_mean() -> None:
    assert curves.laplace(11, 100, 0.01, mu=0.5)[5] == pytest.approx(math.exp(0.5))


def test_variance_is_preserved() -> None:
    sigmas = curves.variance_preserving(3, 19.9, 0.1, 0.001)
    signal = 1 / (1 + sigmas[0].double() ** 2)
    assert float(signal) == pytest.approx(math.exp(-19.9 / 2 - 0.1), rel=1e-4)


def test_a_schedule_through_points_has_them_where_their_number_fits() -> None:
    points = [8.0, 4.0, 1.0, 0.25]
    torch.testing.assert_close(curves.through(points, 3)[:-1], torch.tensor(points[:-1]))
    assert curves.through(points, 6)[1] == pytest.approx(math.sqrt(8 * 4))


@pytest.mark.parametrize("level", [0.0, 1e-9])
def test_a_lowest_level_of_zero_is_no_error(level: float) -> None:
    assert bool(curves.exponential(4, 10, level).isfinite().all())
    assert bool(curves.karras(4, 10, level, 0.0).isfinite().all())
