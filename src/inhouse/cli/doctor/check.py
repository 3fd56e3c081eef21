"""A check: one thing that was looked at on this machine, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    """It works, with less than there could be."""
    FAIL = "fail"
    """Something will not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found.

    Attributes:
        subject: what was looked at; programs find a check by it.
        found: what is so.
        state: how that is.
        advice: what to do; empty where nothing has to be done.

    """

    subject: str
    found: str
    state: State = State.OK
    advice: str = ""


def worst(checks: Iterable[Check]) -> State:
    """Return the worst state of some checks."""
    order = list(State)
    return max((check.state for check in checks), key=order.index, default=State.OK)
