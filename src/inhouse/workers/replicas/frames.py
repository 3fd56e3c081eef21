"""Messages as bytes and back: a frame is two sizes, a header of JSON, and blobs as they are. Nothing is executed.

::

    u32 size of the header | u32 size of all blobs | header | blobs        (big-endian)

The header is ``[kind, sizes of the blobs, ...fields]``. A value of a batch says in its first element what it is, so
that nothing a caller sends as JSON is ever taken for a blob: ``["j", value]``, ``["t", blob, dtype, shape]`` (a
tensor), ``["f", [blobs]]`` (files, a row each).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from inhouse.workers.replicas.messages import Batch, Blob, Done, Failed, Halt, Loaded, Open, Outcome, Part, Piece

if TYPE_CHECKING:
    import socket

Message: TypeAlias = Batch | Done | Piece | Halt | Loaded | Failed | Open

MAX_FRAME: Final = 2**30
"""Bytes; more than that is no frame of ours."""
_HEAD: Final = struct.Struct(">II")
_CHUNK: Final = 2**18
_FILE: Final = "file"


def encode(message: Message) -> bytes:
    """Return a message as one frame.

    Raises:
        ValueError: it is larger than a frame may be, or holds what JSON cannot.

    """
    blobs: list[bytes | memoryview] = []
    kind, write = _WRITERS[message.__class__]
    written = write(message, blobs)
    sizes = [blob.nbytes if isinstance(blob, memoryview) else len(blob) for blob in blobs]
    try:
        header = orjson.dumps([kind, sizes, *written])
    except TypeError as error:  # orjson's own error is one
        raise ValueError(f"A message cannot be sent: {error}.") from error
    extra = sum(sizes)
    if len(header) + extra > MAX_FRAME:
        raise ValueError(f"A message of {len(header) + extra} bytes is larger than {MAX_FRAME}.")
    return b"".join((_HEAD.pack(len(header), extra), header, *blobs))


class Decoder:
    """Puts frames together from what arrives, in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are whole now; what lies in them refers to the frame's own bytes.

        Raises:
            ValueError: what comes next is no frame.

        """
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _HEAD.size:
                size, extra = _HEAD.unpack_from(self._buffer, start)
                end = start + _HEAD.size + _checked(size, extra)
                if len(self._buffer) < end:
                    break
                body = bytes(memoryview(self._buffer)[start + _HEAD.size : end])
                start = end
                yield decode(body, size)
        finally:
            del self._buffer[:start]


class Link:
    """The replica's end of the pipe, which blocks."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def receive(self) -> Message | None:
        """Return the next message; None when the other side is gone.

        Raises:
            ValueError: what comes is no frame.

        """
        head = self._exactly(_HEAD.size)
        if head is None:
            return None
        size, extra = _HEAD.unpack(head)
        body = self._exactly(_checked(size, extra))
        return None if body is None else decode(body, size)

    def send(self, message: Message) -> None:
        """Send a message, whole.

        Raises:
            OSError: the other side is gone.
            ValueError: it cannot be a frame.

        """
        self._socket.sendall(encode(message))

    def _exactly(self, count: int) -> bytearray | None:
        buffer = bytearray(count)
        view = memoryview(buffer)
        place = 0
        while place < count:
            try:
                got = self._socket.recv_into(view[place:])
            except ConnectionError:
                return None
            if not got:
                return None
            place += got
        return buffer


def decode(body: bytes | bytearray, size: int) -> Message:
    """Return the message of a frame: ``size`` bytes of header, and blobs.

    Raises:
        ValueError: it is none.

    """
    whole = memoryview(body).toreadonly()
    try:
        kind, sizes, *written = orjson.loads(whole[:size])
        blobs, place = [], size
        for length in sizes:
            if not isinstance(length, int) or length < 0 or place + length > len(whole):
                raise ValueError("A frame's blobs are not as long as it says.")
            blobs.append(whole[place : place + length])
            place += length
        if place != len(whole):
            raise ValueError("A frame has bytes that nothing refers to.")
        return _READERS[kind](written, blobs)
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"A frame holds no message: {error}.") from error


def _checked(size: int, extra: int) -> int:
    if not size or size + extra > MAX_FRAME:
        raise ValueError("What came through the pipe is no frame.")
    return size + extra


# -- values -----------------------------------------------------------------------------------------------------------

_Blobs: TypeAlias = list[bytes | memoryview]


def _put(data: bytes | memoryview, blobs: _Blobs) -> int:
    blobs.append(data)
    return len(blobs) - 1


def _write_value(value: Any, blobs: _Blobs) -> list[Any]:
    if isinstance(value, Blob):
        return ["t", _put(value.data, blobs), value.dtype, value.shape]
    if value.__class__ is list and any(isinstance(item, Blob) for item in value):
        return ["f", [None if item is None else _put(item.data, blobs) for item in value]]
    return ["j", value]


def _read_value(written: Sequence[Any], blobs: Sequence[memoryview]) -> Any:
    match written:
        case ["j", value]:
            return value
        case ["t", int() as number, str() as dtype, list() as shape]:
            return Blob(dtype, _shape(shape), blobs[_index(number)])
        case ["f", list() as numbers]:
            return [None if number is None else Blob(_FILE, (), blobs[_index(number)]) for number in numbers]
    raise ValueError("A frame has a value of no known kind.")


def _shape(shape: Sequence[Any]) -> tuple[int, ...]:
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError("A frame has a tensor of no possible shape.")
    return tuple(shape)


def _index(number: int) -> int:
    if number < 0:
        raise ValueError("A frame refers to a blob that is not there.")
    return number


# -- messages ---------------------------------------------------------------------------------------------------------


def _write_batch(batch: Batch, blobs: _Blobs) -> list[Any]:
    parts = [
        (
            part.id,
            part.rows,
            {name: _write_value(value, blobs) for name, value in part.inputs.items()},
            part.encoding,
            dict(part.parameters),
        )
        for part in batch.parts
    ]
    return [batch.id, batch.stream, parts]


def _read_batch(written: Sequence[Any], blobs: Sequence[memoryview]) -> Batch:
    number, stream, parts = written
    return Batch(
        _number(number),
        [
            Part(
                _number(call),
                _number(rows),
                {name: _read_value(value, blobs) for name, value in inputs.items()},
                "binary" if encoding == "binary" else "json",
                _mapping(parameters),
            )
            for call, rows, inputs, encoding, parameters in parts
        ],
        bool(stream),
    )


def _write_done(done: Done, blobs: _Blobs) -> list[Any]:
    outcomes = [
        (
            outcome.id,
            {
                name: _put(value, blobs) if isinstance(value, bytes) else _write_value(value, blobs)
                for name, value in outcome.outputs.items()
            },
            outcome.error,
        )
        for outcome in done.outcomes
    ]
    return [done.id, done.seconds, outcomes]


def _read_done(written: Sequence[Any], blobs: Sequence[memoryview]) -> Done:
    number, seconds, outcomes = written
    return Done(
        _number(number),
        [
            Outcome(
                _number(call),
                {
                    name: bytes(blobs[_index(value)]) if isinstance(value, int) else _read_value(value, blobs)
                    for name, value in outputs.items()
                },
                None if error is None else _mapping(error),
            )
            for call, outputs, error in outcomes
        ],
        float(seconds),
    )


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("A frame has no number where one has to be.")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("A frame has no object where one has to be.")  # noqa: TRY004 - whatever is no frame is one
    return value


_Write: TypeAlias = Callable[[Any, _Blobs], list[Any]]
_Read: TypeAlias = Callable[[Sequence[Any], Sequence[memoryview]], Message]


@dataclass(frozen=True, slots=True)
class _Plain:
    """Writes and reads a message whose fields are JSON."""

    kind: type[Any]
    checks: tuple[type[Any], ...]

    def write(self, message: Any, _: _Blobs) -> list[Any]:
        return [getattr(message, field.name) for field in fields(self.kind)]

    def read(self, written: Sequence[Any], _: Sequence[memoryview]) -> Message:
        if len(written) != len(self.checks) or not all(map(isinstance, written, self.checks)):
            raise ValueError(f"A frame holds no {self.kind.__name__}.")
        message: Message = self.kind(*written)
        return message


_NULLABLE: Final[Any] = (dict, type(None))
_PLAIN: Final = MappingProxyType(
    {
        "piece": _Plain(Piece, (int, dict, bool, _NULLABLE)),
        "halt": _Plain(Halt, (int,)),
        "loaded": _Plain(Loaded, (int, int, float)),
        "failed": _Plain(Failed, (dict,)),
        "open": _Plain(Open, (str, int, str, bool)),
    }
)
_WRITERS: Final[Mapping[type[Any], tuple[str, _Write]]] = {
    Batch: ("batch", _write_batch),
    Done: ("done", _write_done),
    **{plain.kind: (name, plain.write) for name, plain in _PLAIN.items()},
}
_READERS: Final[Mapping[str, _Read]] = {
    "batch": _read_batch,
    "done": _read_done,
    **{name: plain.read for name, plain in _PLAIN.items()},
}
