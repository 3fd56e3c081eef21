"""Which values a service takes, and how those are named that it does not."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import InputsError
from inhouse.models.signature import Field
from inhouse.server.services.checking import MAX_FAULTS, check
from inhouse.workers.replicas.messages import Blob

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def faults(value: Any, *fields: Field, max_rows: int = 8) -> dict[str, str]:
    """Return what is wrong with the values."""
    with pytest.raises(InputsError) as caught:
        check(value, fields, max_rows=max_rows)
    return caught.value.fields


def one(field: Field, value: Any) -> Any:
    """Return a value as it goes to a replica."""
    return check({field.name: value}, [field], max_rows=8).inputs[field.name]


def test_every_fault_is_named_by_its_path() -> None:
    found = faults(
        {"texts": ["a", 5, "b", None], "size": 900, "kind": "c", "colour": "red"},
        Field("texts", "text"),
        Field("size", "integer", rows=False, maximum=512),
        Field("kind", "choice", rows=False, choices=("a", "b")),
        Field("seed", "integer", rows=False),
    )
    paths = ["texts.1", "texts.3", "size", "kind", "seed", "colour"]
    assert list(found) == [f"inputs.{path}" for path in paths]
    assert found["inputs.size"] == "is 900; 512 is the most."
    assert found["inputs.kind"] == "is none of a, b."
    assert found["inputs.seed"] == "is missing."


def test_a_thousand_faults_are_not_all_told() -> None:
    assert len(faults({"texts": [1] * 1000}, Field("texts", "text"), max_rows=1000)) == MAX_FAULTS


def test_rows_are_limited_and_the_same_for_all_inputs() -> None:
    texts, images = Field("texts", "text"), Field("numbers", "number")
    assert "8" in faults({"texts": ["a"] * 9}, texts)["inputs.texts"]
    assert "empty" in faults({"texts": []}, texts)["inputs.texts"]
    assert list(faults({"texts": ["a"], "numbers": [1, 2]}, texts, images)) == ["inputs.numbers"]
    assert faults({"texts": "a"}, texts) == {"inputs.texts": "is no list with a value for each row."}


def test_defaults_are_filled_in_for_every_row() -> None:
    texts = Field("texts", "text")
    top = Field("k", "integer", rows=False, required=False, default=3)
    weight = Field("weights", "number", required=False, default=1)
    scale = Field("scales", "tensor", required=False, default=[1, 2], dtype="int8", shape=(2,))
    unset = Field("note", "text", rows=False, required=False)
    found = check({"texts": ["a", "b"], "k": None}, [texts, top, weight, scale, unset], max_rows=2)
    assert found.rows == 2
    assert found.inputs == {
        "texts": ["a", "b"],
        "k": 3,
        "weights": [1.0, 1.0],
        "scales": Blob("int8", (2, 2), b"\x01\x02\x01\x02"),
    }


@pytest.mark.parametrize(
    ("field", "value", "taken"),
    [
        (Field("f", "integer", rows=False), 2.0, 2),
        (Field("f", "number", rows=False), 2, 2.0),
        (Field("f", "boolean", rows=False), False, False),
        (Field("f", "choice", rows=False, choices=("a",)), "a", "a"),
        (Field("f", "json", rows=False), {"a": [1]}, {"a": [1]}),
        (Field("f", "file", rows=False), base64.b64encode(b"abc").decode(), Blob("file", (), b"abc")),
        (Field("f", "image", rows=False), "data:image/png;base64,YWJj", Blob("file", (), b"abc")),
    ],
)
def test_values_that_fit(field: Field, value: Any, taken: Any) -> None:
    assert one(field, value) == taken


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("f", "text", rows=False, minimum=2), "a"),
        (Field("f", "text", rows=False, maximum=2), "abc"),
        (Field("f", "integer", rows=False), 2.5),
        (Field("f", "integer", rows=False), True),
        (Field("f", "integer", rows=False), "2"),
        (Field("f", "number", rows=False), float("nan")),
        (Field("f", "number", rows=False, minimum=0), -0.5),
        (Field("f", "boolean", rows=False), 1),
        (Field("f", "choice", rows=False, choices=("a",)), ["a"]),
        (Field("f", "file", rows=False), "no base64!"),
        (Field("f", "file", rows=False), ""),
        (Field("f", "file", rows=False, maximum=3), base64.b64encode(b"abcd").decode()),
        (Field("f", "file", rows=False), 7),
    ],
)
def test_values_that_do_not_fit(field: Field, value: Any) -> None:
    assert list(faults({"f": value}, field)) == ["inputs.f"]


def test_tensors_become_bytes_of_their_type() -> None:
    field = Field("x", "tensor", dtype="float32", shape=(2, "width"))
    value = one(field, [[[1, 2], [3, 4.5]]])
    assert (value.dtype, value.shape) == ("float32", (1, 2, 2))
    assert memoryview(value.data).cast("f").tolist() == [1, 2, 3, 4.5]
    assert one(Field("m", "tensor", dtype="bool", shape=(2,)), [[True, False]]).data == b"\x01\x00"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([[[1, 2], [3]]], "inputs.x.0.1"),
        ([[[1, 2]]], "inputs.x.0"),
        ([[[1, 2], 7]], "inputs.x.0.1"),
        ([[[1, 2], [3, "a"]]], "inputs.x.0.1.1"),
        ([[[1, 2], [3, 1e39]]], "inputs.x.0.1.1"),
        ([[[], []]], "inputs.x.0.0"),
        (Blob("float64", (1, 2, 2), b""), "inputs.x"),
        (Blob("float32", (1, 3, 2), b""), "inputs.x"),
        (Blob("float32", (), b""), "inputs.x"),
    ],
)
def test_where_a_tensor_does_not_fit(value: Any, path: str) -> None:
    assert list(faults({"x": value}, Field("x", "tensor", dtype="float32", shape=(2, "width")))) == [path]


def test_integers_have_the_range_of_their_type() -> None:
    field = Field("x", "tensor", dtype="uint8", shape=("n",))
    assert faults({"x": [[1, 256]]}, field) == {"inputs.x.0.1": "is beyond what uint8 can hold."}
    assert list(faults({"x": [[1, 2.5]]}, field)) == ["inputs.x.0.1"]


def test_axes_of_one_name_are_of_one_length() -> None:
    ids = Field("ids", "tensor", dtype="int64", shape=("tokens",))
    mask = Field("mask", "tensor", dtype="int64", shape=("tokens",))
    assert list(faults({"ids": [[1, 2]], "mask": [[1]]}, ids, mask)) == ["inputs.mask"]


def test_a_conversation_is_messages_of_text() -> None:
    field = Field("messages", "messages", rows=False)
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    said = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts, "name": "x"}]
    assert one(field, said) == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a\nb"}]
    for wrong, path in (
        ([], "inputs.messages"),
        (["a"], "inputs.messages.0"),
        ([{"role": "god", "content": "a"}], "inputs.messages.0.role"),
        ([{"role": "user"}], "inputs.messages.0.content"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "inputs.messages.0.content"),
    ):
        assert list(faults({"messages": wrong}, field)) == [path]


@given(value=ANYTHING)
def test_whatever_comes_is_taken_or_refused_by_name(value: Any) -> None:
    fields = [
        Field("a", "text", required=False),
        Field("b", "tensor", dtype="int8", shape=(2,), required=False),
        Field("c", "messages", rows=False, required=False),
        Field("d", "number", rows=False, required=False),
        Field("e", "image", required=False),
    ]
    for field in fields:
        paths: list[str] = []
        try:
            check({field.name: value}, fields, max_rows=2)
        except InputsError as error:
            paths = list(error.fields)
        assert all(path.startswith(f"inputs.{field.name}") for path in paths)
