"""A chat, with a model of a few weights: what it says comes whole, ends where it should, and is drawn as asked."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.inference.chat import Chat

HELLO = [{"role": "user", "content": "hi"}]
BYTES = list("añb€".encode())
END = 256


class Letters:
    """A tokenizer whose tokens are bytes."""

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> dict[str, list[int]]:
        return {"input_ids": list("".join(message["content"] for message in messages).encode())}

    def decode(self, tokens: list[int], **_: Any) -> str:
        return bytes(tokens).decode(errors="replace")


class Told:
    def __init__(self, logits: torch.Tensor, cache: int) -> None:
        self.logits, self.past_key_values = logits, cache


class Reciter:
    """A model that goes on with the same bytes, whatever it is told; its cache counts what it has read."""

    device = torch.device("cpu")

    def __init__(self, prompt: int) -> None:
        self.prompt = prompt

    def __call__(self, input_ids: torch.Tensor, past_key_values: int | None, **_: Any) -> Told:
        seen = (past_key_values or 0) + input_ids.shape[1]
        step = seen - self.prompt
        logits = torch.zeros(1, 1, END + 1)
        logits[0, 0, [*BYTES, END][step] if 0 <= step <= len(BYTES) else 0] = 9.0
        return Told(logits, seen)


def chat(prompt: int = 2, context: int = 1000) -> Chat:
    return Chat(Reciter(prompt), Letters(), context, frozenset({END}))


def taken(pieces: Generator[dict[str, Any], None, dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = []
    while True:
        try:
            found.append(next(pieces))
        except StopIteration as end:
            return found, end.value


def test_a_character_of_several_tokens_is_told_once_it_is_whole() -> None:
    pieces, whole = taken(chat().answer(HELLO, {}))
    assert [piece["delta"] for piece in pieces[:-1]] == ["a", "ñ", "b", "€"]
    assert whole["content"] == "añb€"
    assert whole["finish_reason"] == "stop"
    assert whole["usage"] == {"prompt_tokens": 2, "completion_tokens": 7, "total_tokens": 9}


def test_an_answer_is_no_longer_than_asked_nor_than_the_model_sees() -> None:
    _, whole = taken(chat().answer(HELLO, {"max_tokens": 1}))
    assert (whole["content"], whole["finish_reason"]) == ("a", "length")
    _, whole = taken(chat(context=5).answer(HELLO, {"max_tokens": 100}))
    assert (whole["content"], whole["usage"]["total_tokens"]) == ("añ", 5)


def test_a_conversation_that_is_too_long_is_refused() -> None:
    with pytest.raises(NodeInputError, match="1000"):
        taken(chat().answer([{"role": "user", "content": "x" * 1000}], {}))


def test_a_stop_word_ends_it_and_is_not_told() -> None:
    _, whole = taken(chat().answer(HELLO, {"stop": ["b€"]}))
    assert (whole["content"], whole["finish_reason"]) == ("añ", "stop")


def test_a_long_conversation_is_read_in_turns() -> None:
    pieces, whole = taken(chat(prompt=300).answer([{"role": "user", "content": "x" * 300}], {}))
    assert [piece["read"] for piece in pieces if "read" in piece] == [128, 256]
    assert whole["content"] == "añb€"


def test_the_same_seed_draws_the_same() -> None:
    drawn = [taken(chat().answer(HELLO, {"temperature": 2, "seed": 5, "max_tokens": 4}))[1] for _ in range(2)]
    assert drawn[0] == drawn[1]
    _, likeliest = taken(chat().answer(HELLO, {"temperature": 2, "top_p": 0.01, "seed": 5}))
    assert likeliest["content"] == "añb€"
