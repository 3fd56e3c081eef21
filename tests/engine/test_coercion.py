"""Literal values, as files hold them, into the types that nodes declare."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.engine.coercion import coerce
from inhouse.engine.markers import Choices, Range
from inhouse.engine.sockets import InputSpec
from inhouse.engine.types import WireType

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PYTHON = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def spec(kind: str, **more: Any) -> InputSpec:
    return InputSpec("x", WireType.parse(kind), **more)


def read(kind: str, value: Any) -> Any:
    got, fault = coerce("n", spec(kind), value, None)
    assert fault is None
    return got


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("INT", "12", 12),
        ("INT", 2.9, 2),
        ("INT", True, 1),
        ("INT", 2**70, 2**70),
        ("FLOAT", "1e3", 1000.0),
        ("FLOAT", 3, 3.0),
        ("STRING", 1.5, "1.5"),
        ("STRING", True, "True"),
        ("BOOLEAN", "False", False),
        ("BOOLEAN", "1", True),
        ("BOOLEAN", 0, False),
        ("*", "12", "12"),
        ("INT,*", "12", "12"),
        ("FLOAT,INT", 1.5, 1.5),
        ("FLOAT,INT", 3, 3),
        ("STRING,INT", "3", "3"),
        ("STRING,INT", 3, 3),
        ("INT,FLOAT", "1.5", 1.5),
        ("INT,FLOAT", "2", 2),
        ("BOOLEAN,INT", True, True),
        ("IMAGE,INT", "7", 7),
    ],
)
def test_values_become_the_declared_type(kind: str, value: Any, wanted: Any) -> None:
    got = read(kind, value)
    assert (got, type(got)) == (wanted, type(wanted))


@given(JSON, st.sampled_from(sorted(PYTHON)))
def test_a_value_is_read_or_refused_and_never_anything_else(value: Any, kind: str) -> None:
    got, fault = coerce("n", spec(kind), value, None)
    if fault is None:
        assert type(got) is PYTHON[kind]
        assert not isinstance(got, float) or math.isfinite(got)
    else:
        assert (fault.code, fault.node_id, fault.input_name) == ("invalid_input_type", "n", "x")
        assert len(fault.message) < 200


@given(JSON, st.sampled_from(sorted(PYTHON)))
def test_reading_twice_changes_nothing(value: Any, kind: str) -> None:
    got, fault = coerce("n", spec(kind), value, None)
    if fault is None:
        assert read(kind, got) == got


@given(JSON, st.sampled_from(sorted(PYTHON)), st.none() | st.just(Range(-5, 5)))
def test_a_value_that_fits_needs_no_reading(value: Any, kind: str, bounds: Range | None) -> None:
    declared = spec(kind, range=bounds) if kind in ("INT", "FLOAT") else spec(kind)
    got, fault = coerce("n", declared, value, None)
    if declared.fits(value):
        assert fault is None
        assert got is value or got == value


@given(JSON)
def test_choices_take_nothing_but_the_choices(value: Any) -> None:
    declared = spec("COMBO", choices=Choices(("a", "b")))
    got, fault = coerce("n", declared, value, ("a", "b"))
    assert (fault is None) == (value in ("a", "b"))
    assert got == value or value != value  # noqa: PLR0124 - NaN is passed through, too


def test_an_empty_list_of_choices_says_so_and_a_long_one_is_counted() -> None:
    declared = spec("COMBO", choices=Choices("files"))
    _, fault = coerce("n", declared, "a", ())
    assert fault is not None
    assert "nothing to choose from" in fault.hint
    _, fault = coerce("n", declared, "file77", tuple(f"file{i}.png" for i in range(500)))
    assert fault is not None
    assert fault.hint.startswith("Did you mean 'file77.png'? ")
    assert "(500)" in fault.hint
    assert len(fault.details["choices"]) == 500
