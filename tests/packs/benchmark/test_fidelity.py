from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.benchmark.fidelity import fidelity


def test_what_is_the_same_is_wholly_alike() -> None:
    answers = {"out": np.random.default_rng(0).standard_normal((5, 8))}
    found = fidelity(answers, answers)
    assert found["cosine_min"] == pytest.approx(1)
    assert (found["relative"], found["top1"], found["rows"]) == (0, 1, 5)


def test_a_row_that_turned_round_is_seen() -> None:
    reference = np.eye(4)
    other = reference.copy()
    other[2] = -other[2]
    found = fidelity({"out": reference}, {"out": other})
    assert (found["cosine_mean"], found["cosine_min"], found["top1"]) == (0.5, -1, 0.75)


def test_outputs_go_by_order_where_no_name_is_common() -> None:
    assert fidelity({"a": np.ones((2, 3))}, {"b": np.ones((2, 3))})["relative"] == 0


def test_what_is_no_number_is_not_alike() -> None:
    found = fidelity({"a": np.ones((1, 3))}, {"a": np.full((1, 3), np.nan)})
    assert (found["cosine_min"], found["relative"]) == (0, float("inf"))


def test_other_shapes_cannot_be_compared() -> None:
    assert fidelity({"a": np.ones((1, 3))}, {"a": np.ones((1, 4))}) == {"unlike": "shapes differ"}
    assert fidelity({}, {"a": np.ones((1, 4))}) == {"unlike": "no output is common"}


@given(st.integers(0, 1000))
def test_figures_are_within_their_bounds(seed: int) -> None:
    random = np.random.default_rng(seed)
    found = fidelity({"a": random.standard_normal((3, 4))}, {"a": random.standard_normal((3, 4))})
    assert -1 <= float(found["cosine_min"]) <= float(found["cosine_mean"]) <= 1
    assert 0 <= float(found["top1"]) <= 1
