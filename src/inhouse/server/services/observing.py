"""Observing: what whoever counts, compares or decides by rule hears of calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from inhouse.errors import InhouseError
    from inhouse.server.services.base import Answer, Call
    from inhouse.server.services.routing import Part


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call.

    Attributes:
        version: the version that had it.
        part: as what.
        seconds: from coming to this.
        answer: the answer; None where there is an error.
        error: what went wrong; None where nothing did.

    """

    version: int
    part: Part
    seconds: float
    answer: Answer | None = None
    error: InhouseError | None = None


class Observer(Protocol):
    """Hears of every call. It is called on the event loop, between calls: it must be quick and raise nothing."""

    def replied(self, call: Call, reply: Reply) -> None:
        """Note what a caller was answered."""

    def compared(self, call: Call, reply: Reply, copy: Reply) -> None:
        """Note what a caller was answered, and what another version made of a copy of the same call."""
