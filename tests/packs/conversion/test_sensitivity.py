"""Layers that a model cannot spare are found, and no more than those."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import AccuracyError
from inhouse.packs.conversion.calibration import Verdict
from inhouse.packs.conversion.sensitivity import taken_back

LAYERS = tuple(f"layer{number}" for number in range(12))


@given(st.lists(st.integers(0, 100), min_size=12, max_size=12), st.integers(0, 600))
def test_as_few_as_the_budget_needs_go_back(harms: list[int], budget: int) -> None:
    harm = dict(zip(LAYERS, harms, strict=True))

    def attempt(back: frozenset[str]) -> Verdict:
        lost = sum(cost for layer, cost in harm.items() if layer not in back)
        return Verdict(lost, lost <= budget)

    back = taken_back(LAYERS, attempt)
    assert attempt(frozenset(back)).passed
    worst = sorted(harms, reverse=True)
    fewest = next(count for count in range(13) if sum(worst[count:]) <= budget)
    assert len(back) == fewest


def test_one_trial_is_enough_where_nothing_hurts() -> None:
    asked: list[frozenset[str]] = []

    def attempt(back: frozenset[str]) -> Verdict:
        asked.append(back)
        return Verdict(0, passed=True)

    assert taken_back(LAYERS, attempt) == ()
    assert asked == [frozenset()]


def test_a_budget_that_nothing_keeps_is_refused() -> None:
    with pytest.raises(AccuracyError, match="every layer in its original precision"):
        taken_back(LAYERS, lambda _: Verdict(1, passed=False))


def test_neighbours_are_ranked_together_where_trials_are_dear() -> None:
    asked: list[frozenset[str]] = []

    def attempt(back: frozenset[str]) -> Verdict:
        asked.append(back)
        return Verdict(float("layer5" not in back), "layer5" in back)

    assert taken_back(LAYERS, attempt, trials=4) == ("layer3", "layer4", "layer5")
    assert len(asked) <= 2 + 4 + 2
