from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.benchmark.estimates import quantiles, ratio_of_sums

seconds = st.floats(1e-6, 1e3, allow_nan=False)
rounds = st.lists(st.lists(seconds, min_size=1, max_size=12), min_size=1, max_size=9)


@given(rounds)
def test_an_interval_holds_its_figure_and_quantiles_rise(found: list[list[float]]) -> None:
    estimates = quantiles(found, [0.5, 0.95, 0.99], resamples=60)
    values = [one.value for one in estimates]
    assert values == sorted(values)
    assert all(one.low <= one.value <= one.high for one in estimates)
    assert all(one.samples == sum(map(len, found)) for one in estimates)


@given(rounds)
def test_every_figure_is_one_of_the_samples(found: list[list[float]]) -> None:
    samples = {value for part in found for value in part}
    estimate = quantiles(found, [0.5], resamples=60)[0]
    assert estimate.value in samples
    assert min(samples) <= estimate.low
    assert estimate.high <= max(samples)


def test_the_true_median_lies_within_19_intervals_of_20() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for trial in range(200):
        sampled = random.lognormal(0, 0.5, (20, 10)).tolist()
        found = quantiles(sampled, [0.5], resamples=400, seed=trial)[0]
        inside += found.low <= 1.0 <= found.high
    assert inside >= 180


def test_rounds_that_differ_widen_the_interval() -> None:
    random = np.random.default_rng(2)
    noise = random.normal(0, 0.01, (10, 50))
    alike = quantiles((1 + noise).tolist(), [0.5])[0]
    weather = quantiles((1 + noise + random.normal(0, 0.2, (10, 1))).tolist(), [0.5])[0]
    assert weather.high - weather.low > 10 * (alike.high - alike.low)


def test_a_rate_is_that_of_all_rounds() -> None:
    found = ratio_of_sums([10, 20, 30], [1, 2, 3])
    assert (found.value, found.low, found.high, found.samples) == (10, 10, 10, 3)


def test_nothing_has_no_figure() -> None:
    with pytest.raises(ValueError, match="no sample"):
        quantiles([[]], [0.5])
    with pytest.raises(ValueError, match="nothing to divide"):
        ratio_of_sums([1.0], [0.0])
