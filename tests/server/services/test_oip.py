"""The Open Inference Protocol: what requests may be like, and what answers are."""

from __future__ import annotations

import json
import struct
from array import array
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import InputsError, RequestError
from inhouse.models.signature import Field
from inhouse.server.services.base import Answer, Card
from inhouse.server.services.native import Envelope
from inhouse.server.services.oip import Wanted, model_metadata, parse_infer, render_infer
from inhouse.workers.replicas.messages import Blob

ABOUT = Envelope("m", "ann")
CARD = Card(
    (
        Field("x", "tensor", dtype="float32", shape=("width",)),
        Field("texts", "text", required=False),
        Field("images", "image", required=False),
        Field("k", "integer", rows=False, required=False),
        Field("mode", "json", rows=False, required=False),
    ),
    (Field("y", "tensor", dtype="float32", shape=(2,)), Field("labels", "labels"), Field("masks", "image")),
    "tensors",
    max_batch=4,
)
X = {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}


def infer(*inputs: dict[str, Any], tail: bytes = b"", **more: Any) -> Any:
    """Return what a request is read as."""
    head = json.dumps({"inputs": list(inputs), **more}).encode()
    return parse_infer(head + tail, str(len(head)) if tail else None, CARD, ABOUT)


def test_tensors_come_as_json_flat_or_nested_or_as_bytes() -> None:
    flat, _ = infer(X)
    nested, _ = infer({**X, "data": [[1, 2], [3, 4]]})
    data = array("f", [1, 2, 3, 4]).tobytes()
    binary, _ = infer({**X, "data": None, "parameters": {"binary_data_size": 16}}, tail=data)
    assert flat.inputs == nested.inputs == binary.inputs == {"x": Blob("float32", (2, 2), data)}
    assert (flat.rows, flat.encoding) == (2, "binary")


def test_texts_and_pictures_are_elements_of_bytes() -> None:
    one = {**X, "shape": [1, 2], "data": [1, 2]}
    texts = {"name": "texts", "datatype": "BYTES", "shape": [1, 1], "data": ["hé"]}
    pictures = {"name": "images", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 7}}
    call, _ = infer(one, texts, pictures, tail=b"\x03\x00\x00\x00\x89PN")
    assert call.inputs["texts"] == ["hé"]
    assert call.inputs["images"] == [Blob("file", (), b"\x89PN")]
    call, _ = infer(one, {"name": "images", "datatype": "BYTES", "shape": [1], "data": ["YWJj"]})
    assert call.inputs["images"] == [Blob("file", (), b"abc")]


def test_single_values_have_one_element() -> None:
    call, _ = infer(
        X,
        {"name": "k", "datatype": "INT64", "shape": [1], "data": [3]},
        {"name": "mode", "datatype": "BYTES", "shape": [1], "data": ['{"a": 1}']},
    )
    assert (call.inputs["k"], call.inputs["mode"]) == (3, {"a": 1})


@pytest.mark.parametrize(
    ("tensor", "path"),
    [
        ({**X, "datatype": "FP64"}, "inputs.x"),
        ({**X, "shape": [4]}, "inputs.x"),
        ({**X, "shape": [2, 3]}, "inputs.x"),
        ({**X, "shape": "2"}, "inputs.x"),
        ({**X, "data": [1, 2, 3, "a"]}, "inputs.x"),
        ({**X, "data": [[1, 2], 3, 4]}, "inputs.x"),
        ({**X, "shape": [5, 1], "data": [1] * 5}, "inputs.x"),
        ({**X, "parameters": {"binary_data_size": 0}}, "inputs.x"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tensor: dict[str, Any], path: str) -> None:
    with pytest.raises(InputsError) as caught:
        infer(tensor)
    assert list(caught.value.fields) == [path]


def test_inputs_and_outputs_that_are_unknown_are_named() -> None:
    with pytest.raises(InputsError) as caught:
        infer(X, {**X, "name": "z"})
    assert list(caught.value.fields) == ["inputs.z"]
    with pytest.raises(InputsError) as caught:
        infer(X, outputs=[{"name": "q"}])
    assert list(caught.value.fields) == ["outputs.q"]


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"{", None),
        (b"[]", None),
        (b'{"inputs": 5}', None),
        (b'{"inputs": [5]}', None),
        (b'{"inputs": []}', "400"),
        (b'{"inputs": []}', "-1"),
        (b'{"inputs": []}xxxx', "14"),
        (b'{"inputs": [{"name": "x", "parameters": {"binary_data_size": 9}}]}', None),
        (b'{"inputs": [], "id": 7}', None),
    ],
)
def test_malformed_requests_are_refused(body: bytes, length: str | None) -> None:
    with pytest.raises(RequestError):
        parse_infer(body, length, CARD, ABOUT)


@given(st.binary(max_size=20), st.integers(0, 30))
def test_any_binary_data_is_read_or_refused(data: bytes, size: int) -> None:
    pictures = {"name": "texts", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": size}}
    read = None
    with suppress(InputsError, RequestError):
        read, _ = infer({**X, "shape": [1, 2], "data": [1, 2]}, pictures, tail=data or b"\x00")
    assert read is None or [text.encode() for text in read.inputs["texts"]] == [data[4:]]


Y = Blob("float32", (1, 2), array("f", [0.5, 2]).tobytes())
ANSWER = Answer({"y": Y, "labels": b'[[{"label":"cat"}]]', "masks": b'["YWJj"]'}, version=3)


def test_answers_come_as_json() -> None:
    call, wanted = infer(X, id="7")
    body, length = render_infer(ANSWER, CARD, wanted, call)
    told = json.loads(body)
    assert length is None
    assert (told["model_name"], told["model_version"], told["id"]) == ("m", "3", "7")
    assert told["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 2.0]},
        {"name": "labels", "datatype": "BYTES", "shape": [1], "data": ['[{"label":"cat"}]']},
        {"name": "masks", "datatype": "BYTES", "shape": [1], "data": ["YWJj"]},
    ]


def test_answers_come_as_binary_data_where_that_is_wanted() -> None:
    outputs = [{"name": "masks", "parameters": {"binary_data": True}}, {"name": "y"}]
    call, wanted = infer(X, outputs=outputs, parameters={"binary_data_output": True})
    assert wanted == Wanted({"masks": True, "y": True})
    body, length = render_infer(ANSWER, CARD, wanted, call)
    assert length is not None
    assert [output["parameters"]["binary_data_size"] for output in json.loads(body[:length])["outputs"]] == [7, 8]
    assert body[length:] == struct.pack("<I", 3) + b"abc" + bytes(Y.data)


def test_a_service_is_a_model_with_typed_tensors() -> None:
    told = model_metadata("m", CARD, [1, 3])
    assert told["versions"] == ["1", "3"]
    assert told["inputs"][0] == {"name": "x", "datatype": "FP32", "shape": [-1, -1]}
    assert told["inputs"][3] == {"name": "k", "datatype": "INT64", "shape": [1]}
    assert told["outputs"][0] == {"name": "y", "datatype": "FP32", "shape": [-1, 2]}
