"""Tensors as a gateway handles them: bytes and nested lists, without a numerical library."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inhouse.workers.replicas.messages import Blob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.models.signature import Size


class Format(NamedTuple):
    """How a type of numbers is called and packed.

    Attributes:
        code: of ``struct``.
        size: bytes of a number.
        types: what may stand for one in JSON.
        datatype: as the Open Inference Protocol calls it.

    """

    code: str
    size: int
    types: frozenset[type]
    datatype: str


_INTEGERS: Final = frozenset({int})
_NUMBERS: Final = frozenset({int, float})
FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "bool": Format("?", 1, frozenset({bool}), "BOOL"),
        "int8": Format("b", 1, _INTEGERS, "INT8"),
        "int16": Format("h", 2, _INTEGERS, "INT16"),
        "int32": Format("i", 4, _INTEGERS, "INT32"),
        "int64": Format("q", 8, _INTEGERS, "INT64"),
        "uint8": Format("B", 1, _INTEGERS, "UINT8"),
        "uint16": Format("H", 2, _INTEGERS, "UINT16"),
        "uint32": Format("I", 4, _INTEGERS, "UINT32"),
        "uint64": Format("Q", 8, _INTEGERS, "UINT64"),
        "float16": Format("e", 2, _NUMBERS, "FP16"),
        "float32": Format("f", 4, _NUMBERS, "FP32"),
        "float64": Format("d", 8, _NUMBERS, "FP64"),
    }
)
"""By the name that NumPy has for a type."""
DTYPES: Final[Mapping[str, str]] = MappingProxyType({row.datatype: name for name, row in FORMATS.items()})
"""NumPy's name by that of the Open Inference Protocol."""


class TensorFaultError(ValueError):
    """Nested lists are no tensor; ``place`` are the indices at which that shows."""

    def __init__(self, problem: str, place: Sequence[int] = ()) -> None:
        super().__init__(problem)
        self.place = tuple(place)


def pack(value: Any, dtype: str, axes: Sequence[Size]) -> Blob:
    """Return nested lists as a tensor.

    Args:
        value: the lists.
        dtype: as NumPy calls it.
        axes: how long they have to be; those with a name may be of any length but zero, each the same everywhere.

    Raises:
        TensorFaultError: they do not fit.

    """
    level: list[Any] = [value]
    shape: list[int] = []
    for axis in axes:
        shape.append(_length(level, axis, shape))
        level = list(chain.from_iterable(level))
    return Blob(dtype, tuple(shape), pack_numbers(level, dtype, shape))


def pack_numbers(numbers: Sequence[Any], dtype: str, shape: Sequence[int] | None = None) -> bytes:
    """Return numbers as little-endian bytes; ``shape`` helps to say where one is that does not fit.

    Raises:
        TensorFaultError: there is one.

    """
    form = FORMATS[dtype]
    if form.types.issuperset(map(type, numbers)):
        try:
            return struct.pack(f"<{len(numbers)}{form.code}", *numbers)
        except (struct.error, OverflowError):
            pass
    for index, number in enumerate(numbers):
        if type(number) not in form.types:
            wanted = "true or false" if dtype == "bool" else "an integer" if form.types == _INTEGERS else "a number"
            raise TensorFaultError(f"is no {dtype}: {wanted} is needed.", _place(index, shape or (len(numbers),)))
        try:
            struct.pack(f"<{form.code}", number)
        except (struct.error, OverflowError):
            place = _place(index, shape or (len(numbers),))
            raise TensorFaultError(f"is beyond what {dtype} can hold.", place) from None
    raise TensorFaultError(f"is no {dtype}.")


def unpack_numbers(blob: Blob) -> tuple[Any, ...]:
    """Return a tensor's numbers in a row, the last axis the fastest."""
    return struct.unpack(f"<{prod(blob.shape)}{FORMATS[blob.dtype].code}", blob.data)


def fitting(shape: Sequence[int], axes: Sequence[Size]) -> bool:
    """Whether a tensor of a shape has these axes."""
    return len(shape) == len(axes) and all(
        length == axis if isinstance(axis, int) else length > 0 for length, axis in zip(shape, axes, strict=True)
    )


def _length(level: list[Any], axis: Size, shape: Sequence[int]) -> int:
    """Return how long all lists of a level are."""
    if set(map(type, level)) != {list}:
        index = next(index for index, item in enumerate(level) if type(item) is not list)
        raise TensorFaultError(f"is no list; {_words(axis)} needed.", _place(index, shape))
    length: int = axis if isinstance(axis, int) else len(level[0])
    if not length:
        raise TensorFaultError("is empty.", _place(0, shape))
    if set(map(len, level)) != {length}:
        index = next(index for index, item in enumerate(level) if len(item) != length)
        raise TensorFaultError(f"has {len(level[index])} values, not {length}.", _place(index, shape))
    return length


def _words(axis: Size) -> str:
    return f"one of {axis} values is" if isinstance(axis, int) else f"one of values along {axis!r} is"


def _place(index: int, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the indices, one an axis, of what comes at a place in row-major order."""
    found: list[int] = []
    for length in reversed(shape):
        index, at = divmod(index, length)
        found.append(at)
    return tuple(reversed(found))
