"""Chat completions: which requests are taken, and what chunks say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inhouse.errors import InputsError, ServiceConflictError
from inhouse.models.signature import Field
from inhouse.server.services.base import Card
from inhouse.server.services.chat import Completion, parse_chat
from inhouse.server.services.native import Envelope

CARD = Card((Field("messages", "messages", rows=False),), (), "chat", streams=True)
ABOUT = Envelope("smol", "ann")
HELLO = [{"role": "user", "content": "Hello."}]


def parse(card: Card = CARD, **given: Any) -> Any:
    return parse_chat({"messages": HELLO, **given}, card, ABOUT, "chatcmpl-1", 5)


def test_what_steers_the_answer_goes_to_the_model() -> None:
    call, completion = parse(max_completion_tokens=7, temperature=0.5, stop="x", seed=3, top_p=1, stream=True)
    assert call.parameters == {"max_tokens": 7, "temperature": 0.5, "stop": ["x"], "seed": 3, "top_p": 1}
    assert call.inputs == {"messages": HELLO}
    assert (completion.streamed, completion.counted) == (True, False)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"temperature": 3}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"seed": True}, "seed"),
        ({"stop": ["a", 5]}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"n": 2}, "n"),
        ({"tools": [{}]}, "tools"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
    ],
)
def test_what_does_not_fit_is_named_as_the_request_has_it(given: dict[str, Any], path: str) -> None:
    with pytest.raises(InputsError) as caught:
        parse(**given)
    assert list(caught.value.fields) == [path]


def test_a_service_that_is_no_chat_says_so() -> None:
    with pytest.raises(ServiceConflictError):
        parse(Card((Field("texts", "text"),), (), "embeddings"))


def test_pieces_become_chunks_and_a_whole() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    completion = Completion("chatcmpl-1", "smol", 5, streamed=True, counted=True)
    assert json.loads(completion.begin())["choices"][0]["delta"]["role"] == "assistant"
    chunks = [completion.hear(piece) for piece in ({"read": 128}, {"delta": "Hel"}, {"delta": "lo"})]
    assert chunks[0] == b""
    assert json.loads(chunks[1])["choices"][0]["delta"] == {"content": "Hel"}
    last = json.loads(completion.hear({"finish_reason": "length", "usage": usage}))
    assert last["choices"][0]["finish_reason"] == "length"
    counted, done = completion.end()
    assert json.loads(counted)["usage"] == usage
    assert done == b"[DONE]"
    whole = json.loads(completion.whole())
    assert whole["choices"][0]["message"]["content"] == "Hello"
    assert whole["usage"] == usage
