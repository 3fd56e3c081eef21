"""Slots: a version of a service with what answers for it, and what is known of that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inhouse.workers.pool import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from inhouse.server.services.base import Target
    from inhouse.storage.services import Version


@dataclass(slots=True)
class Counts:
    """What became of calls; all numbers only grow.

    Attributes:
        calls: that were answered, refused or failed.
        rows: of those that were answered.
        failed: for another reason than those that follow.
        left: whose callers hung up before they were answered.
        shed: refused, as they could not have been answered in time.
        expired: whose time was over before their work began.
        seconds: from coming to being answered, of those that were answered, summed up.
        copies: of calls that were sent to it as a shadow.
        dropped: copies that were not, as too many were on their way.

    """

    calls: int = 0
    rows: int = 0
    failed: int = 0
    left: int = 0
    shed: int = 0
    expired: int = 0
    seconds: float = 0.0
    copies: int = 0
    dropped: int = 0


@dataclass(slots=True, eq=False)
class Slot:
    """A version's place in the gateway.

    Attributes:
        name: of the service.
        version: as it is stored.
        target: answers its calls.
        ready: whether it is loaded; `inhouse.server.services.memory.Memory` says so.
        calls: on their way to it now.
        used: when it was last called or loaded, on the event loop's clock.
        on_idle: called when its last call has ended; None for a version that stays.
        problem: why it could not be loaded the last time.
        retry: when loading may be tried again, on the event loop's clock.
        changing: held while it is loaded or unloaded.
        counts: what became of its calls.

    """

    name: str
    version: Version
    target: Target
    ready: bool = False
    calls: int = 0
    used: float = 0.0
    on_idle: Callable[[Slot], None] | None = None
    problem: str = ""
    retry: float = 0.0
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    backoff: Backoff = field(default_factory=lambda: Backoff(0.5, 60.0))
    counts: Counts = field(default_factory=Counts)

    def release(self, now: float) -> None:
        """Note that a call of it has ended."""
        self.calls -= 1
        self.used = now
        if self.on_idle is not None and not self.calls:
            self.on_idle(self)

    @property
    def title(self) -> str:
        """How sentences about it begin."""
        return f"Version {self.version.number} of {self.name!r}"
