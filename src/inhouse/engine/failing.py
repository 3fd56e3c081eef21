"""Failures: what a node's exception becomes, and who catches it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from inhouse.engine.task import Failure
from inhouse.errors import InhouseError, NodeExecutionError, OutOfMemoryError

if TYPE_CHECKING:
    from inhouse.engine.task import Task


def translated(error: BaseException, task: Task) -> InhouseError:
    """Return a node's exception as ours, naming the node; ours pass as they are.

    What the frames of its traceback hold is let go: a node that ran out of memory would else keep what it had.
    """
    _let_go(error)
    if isinstance(error, InhouseError):
        error.node_id = error.node_id or task.display_id
        return error
    out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    kind = OutOfMemoryError if out_of_memory else NodeExecutionError
    said = f": {error}" if str(error) else ""
    ours = kind(
        f"Node {task.display_id} ({task.spec.id}) failed: {type(error).__name__}{said}", node_id=task.display_id
    )
    ours.__cause__ = error
    return ours


def gone(task: Task) -> Failure:
    """Return the failure of a task in an expansion that was let go and cannot run again."""
    error = NodeExecutionError(
        f"The result of node {task.id!r}, inside an expansion, was let go before something else asked for it.",
        hint="Link to the node that expanded instead.",
        node_id=task.display_id,
    )
    return Failure(error, task.id)


def is_caught(task: Task) -> bool:
    """Whether every way from a failed task to a target passes a node that catches the failure."""
    stack, seen, caught = [task], {task}, False
    while stack:
        current = stack.pop()
        if current.keep:
            return False
        for consumer in current.consumers or ():
            catches = [
                consumer.spec.inputs[name].catches
                for name, source in consumer.sources.items()
                if source is current and consumer.reads(name)
            ]
            if catches and all(catches) and current not in consumer.writers.values():
                caught = True
            elif consumer not in seen:
                seen.add(consumer)
                stack.append(consumer)
    return caught


def _let_go(error: BaseException) -> None:
    stack, seen = [error], set()
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        traceback.clear_frames(current.__traceback__)
        stack.extend(other for other in (current.__cause__, current.__context__) if other is not None)
