"""OpenAI's requests for embeddings and pictures, and their answers."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import pytest

from inhouse.errors import InputsError, RequestError, ServiceConflictError
from inhouse.models.signature import Field
from inhouse.server.services.base import Answer, Card
from inhouse.server.services.native import Envelope
from inhouse.server.services.openai import (
    Embedding,
    Pictures,
    parse_embeddings,
    parse_images,
    read,
    render_embeddings,
    render_error,
    render_images,
)
from inhouse.workers.replicas.messages import Blob

ABOUT = Envelope("m", "ann")
EMBEDS = Card(
    (Field("texts", "text"),),
    (Field("embeddings", "tensor", dtype="float32", shape=(2,)),),
    "embeddings",
    max_batch=2,
)
DRAWS = Card(
    (
        Field("prompt", "text", rows=False),
        Field("width", "integer", rows=False, required=False, default=64, maximum=128),
        Field("height", "integer", rows=False, required=False, default=64),
        Field("seed", "integer", rows=False, required=False, default=0),
    ),
    (Field("image", "image", rows=False),),
    "workflow",
    streams=True,
)


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model": 5}'])
def test_a_request_is_an_object_with_a_model(body: bytes) -> None:
    with pytest.raises(RequestError):
        read(body)


def test_one_text_or_several_are_embedded() -> None:
    one, _ = parse_embeddings({"input": "a"}, EMBEDS, ABOUT)
    two, wanted = parse_embeddings({"input": ["a", "b"], "encoding_format": "base64", "dimensions": 2}, EMBEDS, ABOUT)
    assert (one.inputs, one.encoding) == ({"texts": ["a"]}, "json")
    assert (two.rows, two.encoding, wanted.encoded) == (2, "binary", True)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": ["a", 5]}, "input.1"),
        ({"input": ["a"] * 3}, "input"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "dimensions": 3}, "dimensions"),
    ],
)
def test_what_does_not_fit_is_named_as_the_request_has_it(given: dict[str, Any], path: str) -> None:
    with pytest.raises(InputsError) as caught:
        parse_embeddings(given, EMBEDS, ABOUT)
    assert list(caught.value.fields) == [path]


def test_embeddings_come_as_numbers_or_as_base64_of_float32() -> None:
    plain = json.loads(render_embeddings(Answer({"e": b"[[0.5,2],[1,0]]"}, 1), Embedding("m", "e", encoded=False)))
    assert [item["embedding"] for item in plain["data"]] == [[0.5, 2], [1, 0]]
    for dtype, code in (("float32", "f"), ("float64", "d")):
        blob = Blob(dtype, (2, 2), array(code, [0.5, 2, 1, 0]).tobytes())
        coded = json.loads(render_embeddings(Answer({"e": blob}, 1), Embedding("m", "e", encoded=True)))
        rows = [array("f", base64.b64decode(item["embedding"])).tolist() for item in coded["data"]]
        assert rows == [[0.5, 2], [1, 0]]


def test_a_size_and_a_number_of_pictures_are_understood() -> None:
    calls, wanted = parse_images({"prompt": "a", "n": 2, "size": "96x32", "seed": 7}, DRAWS, ABOUT)
    assert [call.inputs["seed"] for call in calls] == [7, 8]
    assert (calls[0].inputs["width"], calls[0].inputs["height"]) == (96, 32)
    assert wanted == Pictures("image", 2, linked=False)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "prompt"),
        ({"prompt": "a", "n": 11}, "n"),
        ({"prompt": "a", "n": "2"}, "n"),
        ({"prompt": "a", "size": "large"}, "size"),
        ({"prompt": "a", "size": "999x64"}, "width"),
        ({"prompt": "a", "response_format": "gif"}, "response_format"),
    ],
)
def test_pictures_that_cannot_be_drawn_are_refused_by_name(given: dict[str, Any], path: str) -> None:
    with pytest.raises(InputsError) as caught:
        parse_images(given, DRAWS, ABOUT)
    assert list(caught.value.fields) == [path]


def test_a_service_of_something_else_says_so() -> None:
    with pytest.raises(ServiceConflictError):
        parse_embeddings({"input": "a"}, DRAWS, ABOUT)
    with pytest.raises(ServiceConflictError):
        parse_images({"prompt": "a"}, EMBEDS, ABOUT)


def test_pictures_come_as_base64_or_by_their_addresses() -> None:
    answer = Answer({"image": b'"/view?filename=a.png"'}, 1)
    linked = json.loads(render_images([answer], Pictures("image", 1, linked=True), 5, "http://here"))
    assert linked["data"] == [{"url": "http://here/view?filename=a.png"}]
    coded = json.loads(render_images([Answer({"image": b'["YQ=="]'}, 1)], Pictures("image", 1, linked=False), 5))
    assert coded["data"] == [{"b64_json": "YQ=="}]


def test_errors_have_a_kind_that_clients_know() -> None:
    assert json.loads(render_error("overloaded", "Later.", 429))["error"]["type"] == "rate_limit_error"
    assert json.loads(render_error("inputs_invalid", "No.", 422, "n"))["error"]["param"] == "n"
    assert json.loads(render_error("internal", "Oh.", 500))["error"]["type"] == "server_error"
