"""Tensors on their way into a session: what does not fit the model is named before the runtime sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from inhouse.errors import NodeInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds

Declared: TypeAlias = Mapping[str, tuple["np.dtype[Any]", tuple[int | str, ...]]]


def fitting(declared: Declared, feeds: Feeds) -> list[NDArray[Any]]:
    """Return the tensors in the order that the model declares, C-contiguous, without copying those that are.

    Raises:
        NodeInputError: one is missing, or of another type or shape; all that is wrong is named.

    """
    found, sizes = [], dict[str, int]()
    for name, (dtype, shape) in declared.items():
        array = feeds.get(name)
        if array is None or array.dtype != dtype or not _fits(array.shape, shape, sizes):
            raise NodeInputError("The model does not take these tensors: " + "; ".join(_faults(declared, feeds)) + ".")
        found.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
    return found


def axes(shape: tuple[object, ...]) -> tuple[int | str, ...]:
    """Return axes as `Session.inputs` has them: a length, or a name where any will do."""
    free = ["batch", *(f"axis{number}" for number in range(1, len(shape)))]
    return tuple(
        size if isinstance(size, str | int) and size not in {"", -1} else free[axis] for axis, size in enumerate(shape)
    )


def _fits(found: tuple[int, ...], shape: tuple[int | str, ...], sizes: dict[str, int]) -> bool:
    if len(found) != len(shape):
        return False
    return all(
        size == (wanted if isinstance(wanted, int) else sizes.setdefault(wanted, size))
        for size, wanted in zip(found, shape, strict=True)
    )


def _faults(declared: Declared, feeds: Feeds) -> list[str]:
    faults, sizes = [], dict[str, int]()
    for name, (dtype, shape) in declared.items():
        array = feeds.get(name)
        said = ", ".join(map(str, shape))
        if array is None:
            faults.append(f"{name} is missing")
        elif array.dtype != dtype:
            faults.append(f"{name} is {array.dtype}, and {dtype} is wanted")
        elif not _fits(array.shape, shape, sizes):
            faults.append(f"{name} has shape {list(array.shape)}, and [{said}] is wanted")
    return faults
