"""Signatures: what a model takes and gives, and what a service does, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Size: TypeAlias = int | str
"""One axis of a tensor: its length, or the name of an axis whose length may be any (``batch``, ``tokens``)."""

BATCH = "batch"
"""The name of the axis along which samples lie; always the first where there is one."""

Kind: TypeAlias = Literal[
    "text", "integer", "number", "boolean", "choice", "image", "file", "tensor", "messages", "labels", "json"
]
"""What a service's input or output is: ``image`` and ``file`` travel as base64, ``tensor`` as nested lists."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor that a model takes or gives.

    Attributes:
        name: as the model calls it.
        dtype: as NumPy calls it, such as ``float32`` or ``int64``.
        shape: its axes.

    """

    name: str
    dtype: str
    shape: tuple[Size, ...]

    @property
    def batched(self) -> bool:
        """Whether its first axis is the batch."""
        return bool(self.shape) and self.shape[0] == BATCH

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TensorSpec:
        """Return what ``as_dict`` was made from."""
        return cls(str(data["name"]), str(data["dtype"]), tuple(data["shape"]))


@dataclass(frozen=True, slots=True)
class Field:
    """One input or output of a service.

    Attributes:
        name: in requests and answers.
        kind: what it is.
        description: a sentence.
        rows: whether a request gives a list of it, a row each, which may be computed together with others' rows; else
            it is one value for the whole request.
        required: whether a request must give it.
        default: what it is otherwise.
        minimum: the least number, or the shortest text.
        maximum: the greatest number, or the longest text.
        choices: all values there may be.
        dtype: of a tensor, as NumPy calls it.
        shape: of a tensor, a row's axes.
        example: a value for the documentation; of an input with rows, that of one row.

    """

    name: str
    kind: Kind
    description: str = ""
    rows: bool = True
    required: bool = True
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    dtype: str = ""
    shape: tuple[Size, ...] = ()
    example: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data, without what is as it is by default."""
        plain = Field("", "json")
        given = asdict(self)
        kept = {name: value for name, value in given.items() if value != getattr(plain, name)}
        return {**{name: list(v) if isinstance(v, tuple) else v for name, v in kept.items()}, "kind": self.kind}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Field:
        """Return what ``as_dict`` was made from."""
        lists = {name: tuple(data[name]) for name in ("choices", "shape") if name in data}
        return cls(**{**data, **lists})
