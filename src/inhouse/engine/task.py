"""A task: one node in one run, with all that the run knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.engine.keys import is_plain
from inhouse.engine.workflow import Link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.engine.cache import Outcome
    from inhouse.engine.node import NodeSpec, Result
    from inhouse.errors import InhouseError

_NONE: Mapping[str, Any] = MappingProxyType({})


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


class Task:
    """One node in one run. Most never leave their defaults, which therefore stand in the class.

    Attributes:
        index: its place in topological order; lower ones run first when several can.
        display_id: the node that a user sees instead of this one.
        sources: the tasks that linked inputs come from, by input name.
        writers: the tasks that what it reads from ``context.shared`` comes from, by name.
        implicit: their ids.
        opened: whether it has its sources and writers.
        wanted: the lazy inputs that its node has asked for.
        made: the nodes of its expansion that it waits for.
        leaving: which of them write the shared names that it declares.
        calls: after an expansion, what each call returned.
        written: what it wrote into ``context.shared`` before it expanded.
        given: what its parent's expansion finds in ``context.shared`` without a wire.
        parent: the task whose expansion it belongs to.
        consumers: tasks that wait for this one.
        waiting: how many of the tasks it waits for are not done.
        uses: how many tasks may still read its outcome; at none it is let go.
        holding: whether it counts among the uses of the tasks that it reads from.
        keep: its outcome is wanted at the end of the run.
        stripped: it lost inputs that it cannot run again without.
        storable: its outcome says all that it did, so that the cache may stand in for it.
        tainted: its outcome depends on a failure that was caught, and says nothing about the next run.
        inherited: the key of the parent, for what an expansion holds and no key can be made of.

    """

    writers: Mapping[str, Task] = _NONE
    implicit: Mapping[str, str] = _NONE
    opened: bool = False
    wanted: frozenset[str] = frozenset()
    made: Sequence[Task] = ()
    leaving: Mapping[str, Task] = _NONE
    calls: Sequence[Result] = ()
    written: Mapping[str, Any] = _NONE
    given: Mapping[str, Any] = _NONE
    parent: Task | None = None
    consumers: list[Task] | None = None
    state: State = State.IDLE
    waiting: int = 0
    uses: int = 0
    holding: bool = True
    keep: bool = False
    stripped: bool = False
    storable: bool = True
    tainted: bool = False
    inherited: bytes = b""
    outcome: Outcome | None = None
    failure: Failure | None = None
    seconds: float = 0.0

    def __init__(self, task_id: str, spec: NodeSpec, inputs: Mapping[str, Any], index: int) -> None:
        self.id = task_id
        self.display_id = task_id
        self.spec = spec
        self.inputs = inputs
        self.sources: dict[str, Task] = {}
        self.index = index

    def eager(self) -> list[Task]:
        """Return the tasks that must be done before this one starts: writers, and sources that are not lazy."""
        if self.spec.eager:
            wired = list(self.sources.values())
        else:
            wired = [source for name, source in self.sources.items() if self.reads(name)]
        return [*wired, *self.writers.values()] if self.writers else wired

    def reads(self, name: str) -> bool:
        """Whether the task reads the value of a linked input; a lazy one it must have asked for."""
        declared = self.spec.inputs[name]
        lazy = declared.lazy and self.spec.needs is not None
        return not declared.raw_link and (not lazy or name in self.wanted)

    def blamed(self) -> Failure | None:
        """Return the failure that keeps this task from running: of a source it does not catch, or of a writer."""
        for name, source in self.sources.items():
            if source.failure is not None and self.reads(name) and not self.spec.inputs[name].catches:
                return source.failure
        for writer in self.writers.values():
            if writer.failure is not None:
                return writer.failure
        return None

    def depends_on_failure(self) -> bool:
        """Whether what it computed comes from a failure that this task or one before it caught."""
        for name, source in self.sources.items():
            if (source.tainted or source.failure is not None) and self.reads(name):
                return True
        return any(other.tainted for other in (*self.writers.values(), *self.made))

    def settle(self, outcome: Outcome | None, failure: Failure | None) -> None:
        """Become done."""
        self.outcome, self.failure, self.state = outcome, failure, State.DONE

    def hold(self) -> None:
        """Count among the uses of the sources again, where an expansion asks for a task that was let go."""
        if not self.holding:
            self.holding = True
            for source in self.holdings():
                source.uses += 1

    def holdings(self) -> list[Task]:
        """Return the tasks among whose uses this one counts, each as often as it does."""
        return [*self.sources.values(), *self.writers.values()]

    def strip(self) -> None:
        """Let go of the objects among the literals, which in a loop of many rounds may be large."""
        kept = {name: value for name, value in self.inputs.items() if value.__class__ is Link or is_plain(value)}
        self.stripped = len(kept) < len(self.inputs)
        if self.stripped:
            self.inputs = kept
