"""A task: one node in one run, with all that the run knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.engine.cache import Outcome
    from inhouse.engine.node import NodeSpec, Result
    from inhouse.errors import InhouseError


class State(Enum):
    """Where a task stands."""

    IDLE = auto()
    """Nobody has asked for it yet."""
    WAITING = auto()
    """Some of its parents are not done."""
    RUNNING = auto()
    """It runs, or stands in a queue to."""
    EXPANDED = auto()
    """It returned a graph, whose nodes run now."""
    DONE = auto()
    """It has an outcome or a failure."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a node that catches failures receives in place of a value.

    Attributes:
        error: what went wrong.
        node_id: the node where it did.
        partial: what that node had so far; None when it had nothing.

    """

    error: InhouseError
    node_id: str
    partial: Any = None


@dataclass(slots=True, eq=False)
class Task:
    """One node in one run.

    Attributes:
        index: its place in topological order; lower ones run first when several can.
        sources: the tasks that linked inputs come from, by input name.
        writers: the tasks that what it reads from ``context.shared`` comes from, by name.
        consumers: tasks that wait for this one.
        waiting: how many of the tasks it waits for are not done.
        uses: how many tasks may still read its outcome; at none it is let go.
        inherited: key of the task whose expansion it belongs to.
        calls: after an expansion, what each call returned.

    """

    id: str
    spec: NodeSpec
    inputs: Mapping[str, Any]
    index: int = 0
    display_id: str = ""
    parent: Task | None = None
    sources: dict[str, Task] = field(default_factory=dict)
    writers: Mapping[str, Task] = field(default_factory=dict)
    consumers: list[Task] = field(default_factory=list)
    state: State = State.IDLE
    waiting: int = 0
    uses: int = 0
    key: bytes | None = None
    late: bool = False
    keep: bool = False
    inherited: bytes = b""
    outcome: Outcome | None = None
    failure: Failure | None = None
    calls: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    def eager(self) -> list[Task]:
        """Return the tasks that must be done before this one starts: writers, and sources that are not lazy."""
        declared = self.spec.inputs
        wired = [t for n, t in self.sources.items() if not (declared[n].lazy or declared[n].raw_link)]
        return [*wired, *self.writers.values()] if self.writers else wired

    def settle(self, outcome: Outcome | None, failure: Failure | None) -> None:
        """Become done, and let go of what the sources hold for this task."""
        self.outcome, self.failure, self.state = outcome, failure, State.DONE
        for source in (*self.sources.values(), *self.writers.values()):
            source.uses -= 1
            if source.uses <= 0 and not source.keep:
                source.outcome = None
