"""What a call as JSON may say, and how its answer is put together."""

from __future__ import annotations

import base64
import json
from math import inf

import pytest

from inhouse.errors import InputsError, RequestError
from inhouse.models.signature import Field
from inhouse.server.services.base import Answer, Card
from inhouse.server.services.native import Envelope, envelope, parse, parse_raw, render
from inhouse.workers.replicas.messages import Blob

CARD = Card((Field("texts", "text"),), (Field("embeddings", "tensor"),), "embeddings", max_batch=4)
PICTURES = Card(
    (Field("images", "image"), Field("k", "integer", rows=False, required=False, default=5)), (), "classification"
)
ABOUT = Envelope("minilm", "ann", now=100.0)


def test_a_body_becomes_a_call_of_whoever_asks() -> None:
    body = b'{"inputs": {"texts": ["a", "b"]}, "deadline_ms": 500, "id": "x", "parameters": {"seed": 1}}'
    call = parse(body, CARD, ABOUT)
    assert (call.service, call.user, call.rows, call.id) == ("minilm", "ann", 2, "x")
    assert call.inputs == {"texts": ["a", "b"]}
    assert call.parameters == {"seed": 1}
    assert call.deadline == 100.5
    assert call.encoding == "json"


def test_a_call_without_a_deadline_has_none() -> None:
    assert parse(b'{"inputs": {"texts": ["a"]}}', CARD, ABOUT).deadline == inf


def test_headers_say_version_deadline_and_what_a_canary_goes_by() -> None:
    headers = [
        (b"inhouse-version", b"3"),
        (b"inhouse-deadline-ms", b"250"),
        (b"inhouse-canary-key", b"customer-7"),
        (b"accept", b"*/*"),
    ]
    found = envelope(headers, "minilm", "ann", 1.0)
    assert (found.version, found.deadline_ms, found.sticky) == (3, 250.0, "customer-7")
    assert parse(b'{"inputs": {"texts": ["a"]}}', CARD, found).deadline == 1.25


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([(b"inhouse-version", b"two")], "Inhouse-Version"),
        ([(b"inhouse-deadline-ms", b"-1")], "deadline_ms"),
        ([(b"inhouse-deadline-ms", b"nan")], "deadline_ms"),
    ],
)
def test_headers_at_fault_are_named(headers: list[tuple[bytes, bytes]], path: str) -> None:
    with pytest.raises(InputsError) as caught:
        envelope(headers, "minilm", "ann", 0.0)
    assert list(caught.value.fields) == [path]


def test_what_is_no_json_is_a_malformed_request() -> None:
    with pytest.raises(RequestError):
        parse(b'{"inputs": ', CARD, ABOUT)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", "inputs"),
        (b"{}", "inputs.texts"),
        (b'{"inputs": []}', "inputs"),
        (b'{"texts": ["a"]}', "texts"),
        (b'{"inputs": {"texts": ["a"]}, "deadline_ms": true}', "deadline_ms"),
        (b'{"inputs": {"texts": ["a"]}, "id": 5}', "id"),
        (b'{"inputs": {"texts": ["a"]}, "parameters": 5}', "parameters"),
    ],
)
def test_what_a_body_lacks_or_has_wrong_is_named(body: bytes, path: str) -> None:
    with pytest.raises(InputsError) as caught:
        parse(body, CARD, ABOUT)
    assert list(caught.value.fields) == [path]


def test_a_picture_can_be_the_body_and_the_rest_is_as_it_is_by_default() -> None:
    call = parse_raw(b"\x89PNG", PICTURES, ABOUT)
    assert call.inputs == {"images": [Blob("file", (), b"\x89PNG")], "k": 5}
    assert (
        call.inputs
        == parse(
            json.dumps({"inputs": {"images": [base64.b64encode(b"\x89PNG").decode()]}}).encode(), PICTURES, ABOUT
        ).inputs
    )


def test_a_service_without_a_file_takes_no_raw_body() -> None:
    with pytest.raises(RequestError):
        parse_raw(b"abc", CARD, ABOUT)


def test_an_answer_holds_what_the_replica_wrote_as_it_is() -> None:
    answer = Answer({"embeddings": b"[[0.1,0.2]]", "labels": b'["a"]'}, version=7)
    assert render(answer) == b'{"outputs":{"embeddings":[[0.1,0.2]],"labels":["a"]},"version":7}'
    assert json.loads(render(answer, "x"))["id"] == "x"


CHAT = Card((Field("messages", "messages", rows=False),), (), "chat", streams=True)


def chat(**given: object) -> bytes:
    return json.dumps({"inputs": {"messages": [{"role": "user", "content": "Hello."}]}, **given}).encode()


def test_what_steers_a_chat_is_checked_in_every_dialect() -> None:
    call = parse(chat(parameters={"max_tokens": 3, "temperature": 0, "stop": "."}), CHAT, ABOUT)
    assert call.parameters == {"max_tokens": 3, "temperature": 0, "stop": ["."]}
    wrong = {"max_tokens": [], "top_p": "x", "seed": 2**64, "temperature": -1, "stop": 5, "zz": 1}
    with pytest.raises(InputsError) as told:
        parse(chat(parameters=wrong), CHAT, ABOUT)
    assert told.value.fields.keys() == {f"parameters.{name}" for name in wrong}


@pytest.mark.parametrize("role", [[], {"a": 1}, None, 7, "robot"])
def test_a_role_that_is_none_is_named(role: object) -> None:
    body = json.dumps({"inputs": {"messages": [{"role": role, "content": "x"}]}}).encode()
    with pytest.raises(InputsError) as told:
        parse(body, CHAT, ABOUT)
    assert any(path.endswith("0.role") for path in told.value.fields)
