"""Messages as bytes and back: frames of JSON with the pictures behind it. Nothing in them is ever executed.

A frame is a kind (one byte), the size of its JSON and of its blobs (32 bits each, big-endian), the JSON, the blobs. The
JSON is ``[sizes of the blobs, messages]``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from inhouse.workers.message_data import read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inhouse.workers.messages import Message

MAX_FRAME = 2**30
"""Bytes; more than that is no frame of ours but something that got into the pipe."""
_HEAD = struct.Struct(">BII")
_FAST, _PLAIN = 1, 2
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
_DEPTH = 100
_TEXT = 1000
_ARRAY_BYTES = 2**20


def encode(given: Iterable[Message]) -> bytes:
    """Return messages as one frame.

    What nodes show may hold anything: what JSON does not know goes as text, and what orjson refuses (an integer of more
    than 64 bits, half a surrogate pair) goes the slow way.
    """
    blobs: list[bytes] = []
    written = [write_message(message, blobs) for message in given]
    document = [[len(blob) for blob in blobs], written]
    try:
        kind, text = _FAST, orjson.dumps(document, _jsonable, _OPTIONS)
    except TypeError:
        kind, text = _PLAIN, json.dumps(_plain(document)).encode()
    return b"".join((_HEAD.pack(kind, len(text), sum(map(len, blobs))), text, *blobs))


def encode_one(message: Message) -> bytes:
    """Return one message as a frame."""
    return encode([message])


class Decoder:
    """Puts frames together from what arrives, in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages of the frames that are whole now.

        Raises:
            ValueError: what comes next is no frame.

        """
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _HEAD.size:
            kind, size, extra = _HEAD.unpack_from(self._buffer, start)
            if kind not in (_FAST, _PLAIN) or size + extra > MAX_FRAME:
                raise ValueError("What came through the pipe is no frame.")
            end = start + _HEAD.size + size + extra
            if len(self._buffer) < end:
                break
            yield from _decode(kind, bytes(memoryview(self._buffer)[start + _HEAD.size : end]), size)
            start = end
        del self._buffer[:start]


def _decode(kind: int, body: bytes, size: int) -> list[Message]:
    try:
        sizes, written = orjson.loads(body[:size]) if kind == _FAST else json.loads(body[:size])
        blobs, place = [], size
        for length in sizes:
            blobs.append(body[place : place + length])
            place += length
        return [read_message(message, blobs) for message in written]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"A frame holds no message: {error}.") from error


def _jsonable(value: Any) -> Any:
    """Return a value that orjson does not know as one that it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return list(value)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if callable(listed := getattr(value, "tolist", None)) and getattr(value, "nbytes", _ARRAY_BYTES) < _ARRAY_BYTES:
        return listed()  # an array or one of its numbers: orjson's own way with them would import NumPy
    return str(value)[:_TEXT]


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value in what json.dumps knows, cut off where it is deeper than any reader wants."""
    if value is None or value.__class__ in (str, int, float, bool):
        return value
    if depth > _DEPTH:
        return "..."
    if not isinstance(value, str | int | float | list | tuple | Mapping):
        value = _jsonable(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return value
