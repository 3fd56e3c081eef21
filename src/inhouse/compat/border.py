"""The border to custom packs: values on wires that look otherwise to them than to our own nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from inhouse.engine.types import WireType

Translation: TypeAlias = Callable[[Any], Any]
Values: TypeAlias = Mapping[str, tuple[Translation, Translation]]
"""Wire type -> how a value on it becomes what packs expect, and that a value of ours; both leave others as they are."""


class Border:
    """Translates the values that custom nodes are given, and those that they give.

    Args:
        offered: what our own packs translate.

    """

    def __init__(self, offered: Iterable[Values] = ()) -> None:
        self._values = {name: both for values in offered for name, both in values.items()}

    def outwards(self, value: Any, wire: WireType | None = None) -> Any:
        """Return a value as packs expect it on a wire, which may take several types, or any."""
        return self._translated(value, wire, 0)

    def inwards(self, value: Any, wire: WireType | None = None) -> Any:
        """Return a value of a pack's as our own nodes expect it."""
        return self._translated(value, wire, 1)

    def _translated(self, value: Any, wire: WireType | None, way: int) -> Any:
        for name, both in self._values.items():
            if wire is None or name in wire.names or wire.is_wildcard:
                value = _each(value, both[way])
        return value


def _each(value: Any, change: Translation) -> Any:
    """Return a value, or each in a list of them, translated; a list in which nothing changes is the same list."""
    if not isinstance(value, list):
        return change(value)
    changed = [change(item) for item in value]
    return value if all(new is old for new, old in zip(changed, value, strict=True)) else changed
