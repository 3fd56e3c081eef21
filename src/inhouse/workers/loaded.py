"""Models in memory: those that remembered results refer to, whichever pack they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable


@runtime_checkable
class Unloadable(Protocol):
    """What can be put out of memory, and comes back by itself when it is used again.

    Attributes:
        nbytes: the memory that it takes while it is loaded.
        loaded: whether it is in memory.

    """

    nbytes: int
    loaded: bool

    def unload(self) -> None:
        """Put it out of memory."""


def models_in(values: Iterable[Any]) -> list[Unloadable]:
    """Return the models that are in memory now among values and what these hold, each once."""
    found: list[Unloadable] = []
    seen: set[int] = set()
    stack = list(values)
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, str | bytes | int | float | None):
            continue
        seen.add(id(item))
        if isinstance(item, Mapping):
            stack += item.values()
        elif isinstance(item, list | tuple | set | frozenset):
            stack += item
        elif isinstance(item, Unloadable):
            if item.loaded:
                found.append(item)
        elif is_dataclass(item) and not isinstance(item, type):
            stack += [getattr(item, field.name, None) for field in fields(item)]
    return found
