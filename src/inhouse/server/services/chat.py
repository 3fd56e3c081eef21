"""OpenAI's chat completions: a conversation as a call of a service that streams, and its pieces as chunks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse.errors import InputsError, ServiceConflictError
from inhouse.server.services.checking import check

if TYPE_CHECKING:
    from inhouse.server.services.base import Call, Card
    from inhouse.server.services.native import Envelope

_MAX_STOPS: Final = 4
_LONGEST_STOP: Final = 200
_NUMBERS: Final[Mapping[str, tuple[type, float, float]]] = MappingProxyType(
    {
        "temperature": (float, 0, 2),
        "top_p": (float, 0, 1),
        "seed": (int, -(2**63), 2**63 - 1),
        "max_tokens": (int, 1, 1_000_000),
        "max_completion_tokens": (int, 1, 1_000_000),
    }
)
"""What else a request may say: the type, the least and the most."""
GENERATION: Final = frozenset({*_NUMBERS, "stop"})
"""Names of all parameters of generation."""
_USAGE: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


@dataclass(slots=True)
class Completion:
    """A chat completion on its way.

    Attributes:
        id: of the answer.
        model: the service's name.
        created: when, seconds since 1970.
        streamed: whether it is answered in chunks.
        counted: whether the last chunk tells the usage.
        text: what was said so far.
        finish_reason: why it ended.
        usage: tokens read and written.

    """

    id: str
    model: str
    created: int
    streamed: bool = False
    counted: bool = False
    text: list[str] = field(default_factory=list)
    finish_reason: str = "stop"
    usage: Mapping[str, int] = field(default_factory=dict)

    def hear(self, piece: Mapping[str, Any]) -> bytes:
        """Take a piece of the stream, and return the chunk to send; empty where there is nothing to tell."""
        if "delta" in piece:
            self.text.append(str(piece["delta"]))
            return self._chunk({"content": piece["delta"]}, None)
        if "finish_reason" in piece:
            self.finish_reason = str(piece["finish_reason"])
            usage = piece.get("usage") or {}
            self.usage = {name: int(usage.get(name, 0)) for name in _USAGE}
            return self._chunk({}, self.finish_reason)
        return b""

    def begin(self) -> bytes:
        """Return the first chunk, which says who speaks."""
        return self._chunk({"role": "assistant", "content": ""}, None)

    def end(self) -> list[bytes]:
        """Return the last chunks."""
        told = {**self._head("chat.completion.chunk"), "choices": [], "usage": dict(self.usage)}
        return [*([orjson.dumps(told)] if self.counted else []), b"[DONE]"]

    def whole(self) -> bytes:
        """Return the answer in one."""
        message = {"role": "assistant", "content": "".join(self.text)}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason, "logprobs": None}
        return orjson.dumps({**self._head("chat.completion"), "choices": [choice], "usage": dict(self.usage)})

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return orjson.dumps({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def parse_chat(
    given: Mapping[str, Any], card: Card, about: Envelope, made_id: str, created: int
) -> tuple[Call, Completion]:
    """Return the call that ``/v1/chat/completions`` asks for, and the answer that its pieces go to.

    Raises:
        InputsError: something in it does not fit.
        ServiceConflictError: the service is no chat.

    """
    name = next((declared.name for declared in card.fields_in if declared.kind == "messages"), None)
    if name is None or not card.streams:
        raise ServiceConflictError(f"Service {about.service!r} is no chat.", hint="Ask /v1/models.")
    faults = {}
    if given.get("n") not in (None, 1):
        faults["n"] = "is not 1: a request has one answer."
    if given.get("tools"):
        faults["tools"] = "is not taken: the service calls no tools."
    parameters, more = generation(given)
    if faults := faults | more:
        raise InputsError(faults)
    fields = [declared for declared in card.fields_in if declared.name == name]
    try:
        checked = check({name: given.get("messages")}, fields, max_rows=1, place="")
    except InputsError as error:
        raise InputsError({path.removeprefix("."): problem for path, problem in error.fields.items()}) from None
    options = given.get("stream_options")
    counted = isinstance(options, Mapping) and bool(options.get("include_usage"))
    call = about.call(1, checked.inputs, parameters=parameters)
    return call, Completion(made_id, about.service, created, bool(given.get("stream")), counted)


def generation(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parameters of generation, and by name what is wrong with them."""
    found: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, (kind, least, most) in _NUMBERS.items():
        value = given.get(name)
        if value is None:
            continue
        fits = type(value) in ((int,) if kind is int else (int, float)) and math.isfinite(value)
        if not fits or not least <= value <= most:
            faults[name] = f"is no {'integer' if kind is int else 'number'} from {least:g} to {most:g}."
            continue
        found["max_tokens" if name == "max_completion_tokens" else name] = value
    stops = given.get("stop")
    if stops is not None:
        stops = [stops] if isinstance(stops, str) else stops
        if not _are_stops(stops):
            faults["stop"] = f"is no text, and no list of up to {_MAX_STOPS}."
        else:
            found["stop"] = stops
    return found, faults


def _are_stops(stops: Any) -> bool:
    if not isinstance(stops, Sequence) or len(stops) > _MAX_STOPS:
        return False
    return all(isinstance(stop, str) and 0 < len(stop) <= _LONGEST_STOP for stop in stops)
