"""The native protocol: ``{"inputs": {...}}`` in, ``{"outputs": {...}, "version": n}`` out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse.errors import InputsError, RequestError
from inhouse.server.services.base import Call
from inhouse.server.services.chat import GENERATION, generation
from inhouse.server.services.checking import check
from inhouse.workers.replicas.messages import Blob

if TYPE_CHECKING:
    from inhouse.models.signature import Field
    from inhouse.server.services.base import Answer, Card

VERSION: Final = b"inhouse-version"
DEADLINE: Final = b"inhouse-deadline-ms"
STICKY: Final = b"inhouse-canary-key"
_MAX_DEADLINE_MS: Final = 86_400_000
_LONGEST: Final = 200
_BODY: Final = frozenset({"inputs", "deadline_ms", "id", "parameters"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a request says beside its body.

    Attributes:
        service: whom it is for.
        user: who asks.
        now: when it came, on the event loop's clock.
        version: the version asked for; None for what the routing says.
        deadline_ms: how long the caller waits for the work to begin; None if it does not say.
        sticky: see `Call`.

    """

    service: str
    user: str
    now: float = 0.0
    version: int | None = None
    deadline_ms: float | None = None
    sticky: str = ""

    def call(self, rows: int, inputs: Mapping[str, Any], deadline_ms: float | None = None, **more: Any) -> Call:
        """Return the call with these inputs; what its body says of its deadline goes before what its headers say."""
        wait = self.deadline_ms if deadline_ms is None else deadline_ms
        deadline = float("inf") if wait is None else self.now + wait / 1000
        return Call(self.service, self.user, rows, inputs, deadline, version=self.version, sticky=self.sticky, **more)


def envelope(headers: Iterable[tuple[bytes, bytes]], service: str, user: str, now: float) -> Envelope:
    """Return what headers say, as ASGI gives them.

    Raises:
        InputsError: one is at fault.

    """
    version: int | None = None
    deadline: float | None = None
    sticky = ""
    for name, value in headers:
        if name == VERSION:
            version = _version(value)
        elif name == DEADLINE:
            deadline = _deadline(value)
        elif name == STICKY:
            sticky = value[:_LONGEST].decode("latin-1")
    return Envelope(service, user, now, version, deadline, sticky)


def parse(body: bytes, card: Card, about: Envelope) -> Call:
    """Return the call that a JSON body asks for.

    Raises:
        RequestError: it is no JSON.
        InputsError: something in it does not fit; everything is named.

    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The request is no JSON: {error}.", hint='Send {"inputs": {...}}.') from error
    if not isinstance(given, dict):
        raise InputsError({"inputs": "is missing: the request is no object."})
    if unknown := given.keys() - _BODY:
        raise InputsError({f"{name:.100}": f"is none of {', '.join(sorted(_BODY))}." for name in sorted(unknown)})
    checked = check(given.get("inputs", {}), card.fields_in, max_rows=card.max_batch)
    return about.call(
        checked.rows,
        checked.inputs,
        _deadline(given["deadline_ms"]) if given.get("deadline_ms") is not None else None,
        id=_text(given, "id"),
        parameters=_parameters(given, card),
    )


def parse_raw(body: bytes, card: Card, about: Envelope) -> Call:
    """Return the call whose one file or image is the body itself; all else is as it is by default.

    Raises:
        RequestError: the service has not exactly one file or image among its inputs.
        InputsError: it does not fit, or something else is needed too.

    """
    field = raw_field(card)
    if field is None:
        raise RequestError(
            f"Service {about.service!r} does not take a file as it is.", hint="Send JSON: see its OpenAPI document."
        )
    blob = Blob("file", (), body)
    checked = check({field.name: [blob] if field.rows else blob}, card.fields_in, max_rows=card.max_batch)
    return about.call(checked.rows, checked.inputs)


def raw_field(card: Card) -> Field | None:
    """Return the input that a body is that is no JSON; None if there is none, or several."""
    found = [field for field in card.fields_in if field.kind in ("image", "file")]
    return found[0] if len(found) == 1 else None


def render(answer: Answer, call_id: str = "") -> bytes:
    """Return an answer as JSON; what its replica wrote goes in as it is."""
    outputs = b",".join(b"%b:%b" % (_key(name), as_json(value)) for name, value in answer.outputs.items())
    tail = b',"id":%b' % orjson.dumps(call_id) if call_id else b""
    return b'{"outputs":{%b},"version":%d%b}' % (outputs, answer.version, tail)


def as_json(value: bytes | Blob) -> bytes:
    """Return an output as JSON."""
    if not isinstance(value, Blob):
        return value
    raise TypeError(f"a {value.dtype} came where JSON was asked for")


def _key(name: str) -> bytes:
    return orjson.dumps(name)


def _version(value: bytes) -> int:
    if not value.isdigit() or len(value) > 9:
        raise InputsError({"Inhouse-Version": "is no version's number."})
    return int(value)


def _deadline(value: Any) -> float:
    """Return milliseconds."""
    try:
        found = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        found = -1.0
    if not 0 < found <= _MAX_DEADLINE_MS:
        raise InputsError({"deadline_ms": f"is no number of milliseconds up to {_MAX_DEADLINE_MS}."})
    return found


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise InputsError({name: f"is no text of up to {_LONGEST} characters."})
    return value


def _parameters(given: Mapping[str, Any], card: Card) -> Mapping[str, Any]:
    value = given.get("parameters")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputsError({"parameters": "is no object."})
    if card.task != "chat":
        return value
    found, faults = generation(value)
    faults |= dict.fromkeys(map(str, value.keys() - GENERATION), "is no parameter of a chat.")
    if faults:
        raise InputsError({f"parameters.{name:.100}": problem for name, problem in sorted(faults.items())})
    return found
