"""What a gateway and a replica say to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Blob:
    """A tensor or a file, as bytes.

    Attributes:
        dtype: as NumPy calls it, little-endian; ``file`` for a file.
        shape: the axes; of a file, empty.
        data: row-major, or the file's content.

    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


Value: TypeAlias = Any
"""A list with a JSON-ready value or a ``Blob`` of a file for each row; a ``Blob`` of a tensor, rows first; or, of a
field without rows, one JSON-ready value."""

Encoding: TypeAlias = Literal["json", "binary"]


@dataclass(frozen=True, slots=True)
class Part:
    """One caller's share of a batch.

    Attributes:
        id: of the call.
        rows: how many.
        inputs: by field; checked already against the service's signature.
        encoding: how outputs are wanted: ``json`` as bytes of JSON, ready to be sent; ``binary`` as a ``Blob``.
        parameters: of a stream, such as ``max_tokens``.

    """

    id: int
    rows: int
    inputs: Mapping[str, Value]
    encoding: Encoding = "json"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls that are computed together; a stream comes alone."""

    id: int
    parts: Sequence[Part]
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one part: outputs by field (JSON as ``bytes``, or a ``Blob``), or what went wrong.

    Attributes:
        id: of the call.
        outputs: by field.
        error: ``as_dict`` of an error of ours; None where there is none.

    """

    id: int
    outputs: Mapping[str, bytes | Blob] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A batch was computed.

    Attributes:
        id: of the batch.
        outcomes: one a part, in order.
        seconds: how long it took in the replica.

    """

    id: int
    outcomes: Sequence[Outcome]
    seconds: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a stream, as JSON-ready data; the last one has ``last`` set, and an error if it failed."""

    id: int
    data: Mapping[str, Any]
    last: bool = False
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Halt:
    """Nobody wants the rest of this stream."""

    id: int


@dataclass(frozen=True, slots=True)
class Open:
    """The first message to a replica: what it is to serve.

    Attributes:
        folder: of the artifact.
        threads: of its session; 0 for what the artifact says.
        cache: a folder for what the runtime compiles; empty for none.
        warm: whether it answers once at the least and once at the largest batch before it is ready.

    """

    folder: str
    threads: int = 0
    cache: str = ""
    warm: bool = True


@dataclass(frozen=True, slots=True)
class Loaded:
    """The replica is ready, warmed up.

    Attributes:
        pid: its process.
        bytes: of memory that it has, all in all.
        seconds: how long loading and warming up took.

    """

    pid: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The replica cannot be ready: ``as_dict`` of the error."""

    error: Mapping[str, Any]
