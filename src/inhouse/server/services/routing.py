"""Routing: which version of a service answers a call."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from inhouse.server.services.slots import Slot
from inhouse.storage.services import Service

if TYPE_CHECKING:
    from inhouse.server.services.base import Call

Part: TypeAlias = Literal["live", "canary", "shadow", "pinned"]
"""As what a version answers a call."""

_HASHES = 2**64


@dataclass(frozen=True, slots=True)
class Route:
    """Where the calls of one service go. It is replaced whole: a call goes where it was when the call came.

    Attributes:
        service: as it is stored.
        slots: its versions, by number.
        live: the version that answers; it may differ from the stored one while that is loading, or if it cannot be.
        canary: the version that gets a share of the calls.
        share: of the calls that the canary gets, 0 to 1.
        shadow: the version that gets a copy of every call.
        problems: why a version does not do what is stored, by number.

    """

    service: Service
    slots: Mapping[int, Slot] = field(default_factory=lambda: MappingProxyType({}))
    live: Slot | None = None
    canary: Slot | None = None
    share: float = 0.0
    shadow: Slot | None = None
    problems: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    def pick(self, call: Call, chance: Callable[[], float] = random.random) -> tuple[Slot | None, Part]:
        """Return the version that answers a call, and as what; None if there is none.

        Args:
            call: with ``version``, that version answers; with ``sticky``, its hash decides in the place of chance.
            chance: gives numbers from 0 to below 1.

        """
        if call.version is not None:
            return self.slots.get(call.version), "pinned"
        if self.canary is not None:
            drawn = position(call.sticky, self.canary) if call.sticky else chance()
            if drawn < self.share:
                return self.canary, "canary"
        return self.live, "live"

    def part_of(self, slot: Slot) -> str:
        """Return what a version does now; empty for nothing but what is asked of it by number."""
        if slot is self.live:
            return "live"
        if slot is self.canary:
            return "canary"
        return "shadow" if slot is self.shadow else ""


def position(sticky: str, canary: Slot) -> float:
    """Return where a text lies between 0 and 1: whom a canary got at a small share it keeps at a larger one."""
    text = f"{canary.name} {canary.version.number} {sticky}".encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) / _HASHES
