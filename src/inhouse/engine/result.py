"""What became of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.engine.task import Failure, State
from inhouse.errors import InterruptedRunError, NodeExecutionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inhouse.engine.task import Task


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a run.

    Attributes:
        run_id: the run.
        status: ``success``, ``error`` or ``interrupted``.
        outputs: what each output node shows, by node id.
        values: for each target the list of values of each of its outputs.
        failures: the nodes that failed with nobody to catch it, in the order in which they did.
        cached: ids of nodes whose result was there already.
        seconds: how long each node ran, by id.

    """

    run_id: str
    status: str
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    cached: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def status_of(targets: Iterable[Task], failures: Sequence[Failure], *, stopping: bool) -> str:
    """Return ``interrupted`` if a stop kept a target from being done, else ``error`` if a node failed."""
    unfinished = any(task.state is not State.DONE for task in targets)
    if (stopping and unfinished) or any(isinstance(failure.error, InterruptedRunError) for failure in failures):
        return "interrupted"
    return "error" if failures else "success"


def deadlocks(targets: Iterable[Task], tasks: Iterable[Task]) -> list[Failure]:
    """Return a failure for each node whose expansion waits for the node itself, when nothing runs any more."""
    stuck = [task for task in targets if task.state is not State.DONE]
    if not stuck:
        return []
    expanded = [task for task in tasks if task.state is State.EXPANDED and task.parent is None]
    failures = []
    for task in expanded or stuck:
        error = NodeExecutionError(
            f"Node {task.id!r} expanded into nodes that wait for its own result.",
            hint="Link the expansion to what comes before the node only.",
            node_id=task.display_id,
        )
        failures.append(Failure(error, task.id))
    return failures
