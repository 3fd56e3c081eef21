"""OpenAPI documents of services: valid, and with examples that work."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from inhouse.models.signature import Field
from inhouse.server.services.base import Card
from inhouse.server.services.native import Envelope, parse
from inhouse.server.services.openapi import document, example, request_schema, value_schema

FIELDS = (
    Field("texts", "text", "What to read.", maximum=100),
    Field("images", "image"),
    Field("x", "tensor", dtype="float32", shape=(2, "width")),
    Field("mask", "tensor", dtype="bool", shape=(3,)),
    Field("mode", "choice", rows=False, choices=("fast", "good")),
    Field("steps", "integer", rows=False, minimum=1, maximum=50, default=20, required=False),
    Field("scale", "number", rows=False, minimum=-1, maximum=-0.5),
    Field("sharp", "boolean", rows=False),
    Field("messages", "messages", rows=False),
    Field("more", "json", rows=False),
)
CARD = Card(FIELDS, (Field("labels", "labels"),), "tensors", "It reads.", streams=True, max_batch=4)


def test_the_example_of_every_kind_of_field_is_taken() -> None:
    call = parse(orjson.dumps(example(CARD)), CARD, Envelope("m", "ann"))
    assert call.rows == 1
    assert set(call.inputs) == {field.name for field in FIELDS}


def test_a_document_says_what_is_needed_and_what_may_be() -> None:
    schema = request_schema(CARD)["properties"]["inputs"]
    assert "steps" not in schema["required"]
    assert schema["properties"]["steps"] == {"type": "integer", "minimum": 1, "maximum": 50, "default": 20}
    assert schema["properties"]["texts"]["maxItems"] == 4
    assert schema["properties"]["mode"]["enum"] == ["fast", "good"]


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        (Field("a", "image"), {"type": "string", "contentEncoding": "base64"}),
        (
            Field("a", "tensor", dtype="int8", shape=("n",)),
            {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        ),
        (Field("a", "json"), {}),
    ],
)
def test_kinds_of_values(field: Field, schema: dict[str, Any]) -> None:
    assert value_schema(field) == schema


def test_one_document_has_all_services() -> None:
    pictures = Card((Field("images", "image"),), (), "image-classification")
    found = document([("one", CARD), ("two", pictures)])
    assert set(found["paths"]) == {"/services/one", "/services/two"}
    content = found["paths"]["/services/two"]["post"]["requestBody"]["content"]
    assert {"application/json", "image/*", "application/dicom"} <= set(content)
    assert "text/event-stream" in found["paths"]["/services/one"]["post"]["responses"]["200"]["content"]
