"""How far two answers agree."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.models.signature import Field
from inhouse.server.services.comparing import agreement
from inhouse.workers.replicas.messages import Blob

VECTORS = Field("v", "tensor", dtype="float32", shape=(2,))
LABELS = Field("l", "labels")
NUMBER = Field("n", "number")
TEXT = Field("t", "text", rows=False)


def alike(field: Field, first: object, second: object) -> float:
    return agreement([field], {field.name: json.dumps(first).encode()}, {field.name: json.dumps(second).encode()})


def test_vectors_agree_by_their_angle() -> None:
    assert alike(VECTORS, [[1, 0], [0, 2]], [[2, 0], [0, 1]]) == pytest.approx(1)
    assert alike(VECTORS, [[1, 0]], [[1, 1]]) == pytest.approx(2**-0.5)
    assert alike(VECTORS, [[1, 0]], [[-1, 0]]) == 0
    assert alike(VECTORS, [[1, 0]], [["x", 0]]) == 0


def test_tensors_as_bytes_agree_with_those_as_json() -> None:
    blob = Blob("float32", (2, 2), struct.pack("<4f", 1, 0, 0, 1))
    assert agreement([VECTORS], {"v": blob}, {"v": b"[[1,0],[0,1]]"}) == pytest.approx(1)


def test_labels_agree_by_the_first() -> None:
    cat, dog = {"label": "cat", "score": 0.9}, {"label": "dog", "score": 0.8}
    assert alike(LABELS, [[cat, dog], [dog]], [[{**cat, "score": 0.5}], [cat]]) == 0.5


def test_numbers_agree_within_a_tolerance_and_texts_exactly() -> None:
    assert alike(NUMBER, [1.0, 2.0], [1.0001, 2.1]) == 0.5
    assert alike(TEXT, "a", "a") == 1
    assert alike(TEXT, "a", "b") == 0


def test_what_only_one_has_agrees_with_nothing() -> None:
    assert alike(VECTORS, [[1, 0]], [[1, 0], [1, 0]]) == pytest.approx(0.5)
    assert agreement([TEXT], {"t": b'"a"'}, {}) == 0
    assert agreement([TEXT], {"t": b'"a"'}, {"t": b"{"}) == 0
    assert agreement([], {}, {}) == 1


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2), min_size=1, max_size=4))
def test_every_answer_agrees_with_itself(rows: list[list[float]]) -> None:
    assert alike(VECTORS, rows, rows) == pytest.approx(1)
