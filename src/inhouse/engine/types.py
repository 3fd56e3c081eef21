"""Types of wires: what may be plugged into what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

WILDCARD = "*"


@dataclass(frozen=True, slots=True)
class WireType:
    """The type of a socket: a name, a union of names, or the wildcard.

    Attributes:
        names: upper-case names such as ``IMAGE``; ``*`` fits every other.

    """

    names: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> WireType:
        """Read ``IMAGE``, a union as ``IMAGE,MASK``, or ``*``."""
        return _parse(text)

    @property
    def is_wildcard(self) -> bool:
        """Whether this type fits every other."""
        return WILDCARD in self.names

    def accepts(self, given: WireType) -> bool:
        """Whether a value of type ``given`` may enter a socket of this type."""
        return self is given or self.is_wildcard or given.is_wildcard or not self.names.isdisjoint(given.names)

    def __str__(self) -> str:
        return ",".join(sorted(self.names))


@lru_cache(maxsize=4096)
def _parse(text: str) -> WireType:
    return WireType(frozenset(name.strip() for name in text.split(",")))


ANY = WireType.parse(WILDCARD)
COMBO = WireType.parse("COMBO")
SCALARS: dict[type[Any], WireType] = {
    bool: WireType.parse("BOOLEAN"),
    int: WireType.parse("INT"),
    float: WireType.parse("FLOAT"),
    str: WireType.parse("STRING"),
}
"""Python types that a canvas shows as a widget, with their names on the wire."""

WIDGETS = frozenset({"BOOLEAN", "INT", "FLOAT", "STRING", "COMBO"})
"""Names of wire types whose value can be typed in instead of linked."""
