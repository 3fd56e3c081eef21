"""Which call of a custom node runs: its code asks for progress, interruption and ids without being handed a context."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.compat.dynamic_prompt import DynamicPrompt
    from inhouse.engine.context import Context


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a custom node.

    Attributes:
        context: what the engine offers the node.
        prompt: the workflow as it has grown by expansions.
        graphs: counts the graphs that this call builds.

    """

    context: Context
    prompt: DynamicPrompt
    graphs: Iterator[int] = field(default_factory=itertools.count)


_CURRENT: ContextVar[Call | None] = ContextVar("inhouse_call", default=None)


def current_call() -> Call | None:
    """Return the call that this code runs in; None outside of one, such as in a thread that a node started."""
    return _CURRENT.get()


@contextmanager
def running(call: Call | None) -> Iterator[None]:
    """Make a call the current one."""
    token = _CURRENT.set(call)
    try:
        yield
    finally:
        _CURRENT.reset(token)
