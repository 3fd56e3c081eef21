from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import UsageError
from inhouse.packs.benchmark.comparing import ALPHA, compare, compare_cells, compare_reports, within
from inhouse.packs.benchmark.model import Cell, Load, Report, Slice, Variant

costs = st.lists(st.floats(1e-5, 1e2), min_size=1, max_size=15)


def cell(name: str, medians: list[float], load: Load | None = None) -> Cell:
    slices = [Slice([seconds] * 3, wall=3 * seconds, cpu=6 * seconds) for seconds in medians]
    return Cell(name, load or Load(), slices)


def report(*cells: Cell, number: str = "1") -> Report:
    variants = [Variant(name, "model", name) for name in dict.fromkeys(one.variant for one in cells)]
    return Report(number, "2026-01-01T00:00:00+00:00", 1.0, variants, list(cells))


@given(costs, st.booleans())
def test_nothing_differs_from_itself(found: list[float], paired: bool) -> None:  # noqa: FBT001 - a value
    ratio, p = compare(found, found, paired=paired, resamples=50)
    assert ratio.value == pytest.approx(1)
    assert ratio.low <= 1.0000001
    assert ratio.high >= 0.9999999
    assert p > ALPHA


@given(costs, costs, st.booleans())
def test_the_interval_holds_the_ratio(before: list[float], after: list[float], paired: bool) -> None:  # noqa: FBT001
    count = min(len(before), len(after))
    ratio, p = compare(before[:count], after[:count], paired=paired, resamples=50)
    assert ratio.low <= ratio.value <= ratio.high
    assert 0 <= p <= 1


@pytest.mark.parametrize("paired", [True, False])
def test_chance_is_taken_for_a_difference_no_more_often_than_said(paired: bool) -> None:  # noqa: FBT001
    random, found = np.random.default_rng(3), 0
    for _ in range(300):
        before, after = random.lognormal(0, 0.3, (2, 12)).tolist()
        verdict = compare_cells(cell("a", before), cell("b", after), "latency", paired=paired)
        assert verdict is not None
        found += verdict.real
    assert found / 300 <= ALPHA + 0.02


@pytest.mark.parametrize("paired", [True, False])
def test_a_real_difference_is_found_and_said(paired: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(4)
    before = random.lognormal(0, 0.05, 12)
    after = before / 1.31 * random.lognormal(0, 0.01, 12)
    verdict = compare_cells(cell("A", before.tolist()), cell("B", after.tolist()), "latency", paired=paired)
    assert verdict is not None
    assert verdict.real
    assert verdict.ratio.value == pytest.approx(1.31, rel=0.05)
    assert str(verdict).startswith("B is 1.3")
    assert "x as fast as A" in str(verdict)
    assert verdict.slower == pytest.approx(-0.237, abs=0.03)


def test_interleaved_rounds_show_what_noise_hides_from_others() -> None:
    weather = np.random.default_rng(5).lognormal(0, 1.0, 10)
    slow, fast = cell("A", (weather * 1.1).tolist()), cell("B", weather.tolist())
    paired = compare_cells(slow, fast, "latency", paired=True)
    apart = compare_cells(slow, fast, "latency", paired=False)
    assert paired is not None
    assert apart is not None
    assert (paired.real, apart.real) == (True, False)


def test_too_few_rounds_are_said_to_be_too_few() -> None:
    verdict = compare_cells(cell("A", [2.0] * 3), cell("B", [1.0] * 3), "latency", paired=True)
    assert verdict is not None
    assert not verdict.real
    assert "No difference between B and A that these samples can show" in str(verdict)
    assert "at least 6 rounds are needed, and there are 3" in str(verdict)


@pytest.mark.parametrize("metric", ["latency", "cpu", "throughput"])
def test_every_metric_says_how_many_times_as_fast(metric: str) -> None:
    both = report(cell("A", [2.0] * 8), cell("B", [1.0] * 8))
    (verdict,) = within(both, metric)
    assert (verdict.before, verdict.after, verdict.real) == ("A", "B", True)
    assert verdict.ratio.value == pytest.approx(2)


def test_reports_are_paired_only_if_they_are_of_the_same_measurement() -> None:
    first, second = report(cell("A", [2.0] * 8)), report(cell("A", [1.0] * 8), number="2")
    assert [one.paired for one in compare_reports(first, second)] == [False]
    assert [one.paired for one in compare_reports(first, replace(second, id="1"))] == [True]


def test_the_only_variants_of_two_reports_are_compared_whatever_they_are_called() -> None:
    (verdict,) = compare_reports(report(cell("A", [2.0] * 8)), report(cell("B", [1.0] * 8), number="2"))
    assert (verdict.before, verdict.after) == ("A", "B")


def test_different_targets_are_refused_by_name() -> None:
    first = report(cell("A", [1.0]), cell("B", [1.0]))
    second = report(cell("C", [1.0]), cell("D", [1.0]))
    with pytest.raises(UsageError, match="A, B; and C, D"):
        compare_reports(first, second)
    with pytest.raises(UsageError, match="different things"):
        compare_reports(report(cell("A", [1.0])), report(cell("A", [1.0], Load(8))))


def test_an_empty_report_is_refused() -> None:
    with pytest.raises(UsageError, match="first report has no figures"):
        compare_reports(report(), report(cell("A", [1.0])))
    with pytest.raises(UsageError, match="second report has no figures"):
        compare_reports(report(cell("A", [1.0])), report(Cell("A", Load(), [Slice(errors={"500": 3})])))
