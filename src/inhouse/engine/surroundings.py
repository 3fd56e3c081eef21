"""Surroundings: what a run gets from its engine and its caller, and what it hands on to its nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.engine.asking import ask, parameters
from inhouse.engine.context import Context, Shared
from inhouse.engine.sharing import shared_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.engine.cache import Cache
    from inhouse.engine.control import Control
    from inhouse.engine.events import Emit
    from inhouse.engine.lane import AsyncLane
    from inhouse.engine.registry import Registry
    from inhouse.engine.task import Task
    from inhouse.engine.turn import Seat, Turn
    from inhouse.engine.workflow import Workflow

_PREFIX = 60
"""Node ids longer than this are shortened in a prefix: in a loop of n rounds the ids would else take n^2 letters."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run gets from its engine and its caller."""

    workflow: Workflow
    registry: Registry
    cache: Cache
    lane: AsyncLane
    turn: Turn
    seat: Seat
    services: Mapping[type[Any], Any]
    control: Control
    emit: Emit
    run_id: str
    shared: Mapping[str, Any]
    scope: str = ""

    def context(self, task: Task, call: int = 0, shared: Shared | None = None) -> Context:
        """Return the context of one call of a node."""
        return Context(
            run_id=self.run_id,
            node_id=task.id,
            display_id=task.display_id,
            workflow=self.workflow,
            shared=Shared({}, frozenset(), frozenset(), task.id) if shared is None else shared,
            graph_prefix=f"{_short(task.id)}.{call}.",
            _control=self.control,
            _emit=self.emit,
            _services=self.services,
        )

    def shared_view(self, task: Task) -> Shared | None:
        """Return the run-wide mapping as a task sees it; None when it declares no access."""
        spec = task.spec
        if not spec.touches_shared:
            return None
        reads = shared_names(spec.reads, task.inputs)
        values = {}
        for name in reads:
            writer = task.writers.get(name)
            source = self.unwritten(task, name) if writer is None else writer.outcome.writes if writer.outcome else {}
            if name in source:
                values[name] = source[name]
        return Shared(values, frozenset(reads), frozenset(shared_names(spec.writes, task.inputs)), task.id)

    def unwritten(self, task: Task, name: str) -> Mapping[str, Any]:
        """Return the mapping in which a task finds a name that no node writes for it."""
        return task.given if name in task.given else self.shared

    def fingerprint(self, task: Task, calls: Sequence[Mapping[str, Any]]) -> list[Any] | None:
        """Ask a node's fingerprint function about each of its calls; None means that the result is always new."""
        function = task.spec.fingerprint
        if function is None:
            return []
        extra = {"context": self.context(task)} if "context" in parameters(function).names else {}
        answers = []
        for call in calls:
            try:
                answer = ask(function, {**call, **extra})
            except Exception:  # noqa: BLE001 - the node itself will meet the same fault, and report it where it belongs
                return None
            if answer is None or (isinstance(answer, float) and math.isnan(answer)):
                return None
            answers.append(answer)
        return answers


def _short(task_id: str) -> str:
    if len(task_id) <= _PREFIX:
        return task_id
    import hashlib

    return f"{task_id[:20]}~{hashlib.blake2b(task_id.encode(errors='surrogatepass'), digest_size=12).hexdigest()}"
