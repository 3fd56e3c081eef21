"""Failures: what a node's exception becomes, and who catches it."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.engine.events import Raised
from inhouse.engine.task import Failure
from inhouse.errors import InhouseError, NodeExecutionError, OutOfMemoryError

if TYPE_CHECKING:
    from inhouse.engine.task import Task

_ENGINE = Path(__file__).parent
_CALLERS = frozenset({_ENGINE, _ENGINE.with_name("compat")})
"""The folders of what calls a node's own code."""
_FRAMES = 50
"""A recursion without end has a thousand, all alike."""


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


def recorded(error: BaseException) -> Raised:
    """Return an exception as data; our own frames, above the node's, say nothing about the fault."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    frames = traceback.extract_tb(error.__traceback__)
    while frames and Path(frames[0].filename).parent in _CALLERS:
        del frames[0]
    lines = [
        f'  File "{_shortened(frame.filename)}", line {frame.lineno}, in {frame.name}\n'
        + (f"    {frame.line}\n" if frame.line else "")
        for frame in frames[-_FRAMES:]
    ]
    return Raised(name, str(error), tuple(lines))


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


def _shortened(filename: str) -> str:
    """Return a file's path from the folder that Python finds it in, else its name and two folders."""
    path = Path(filename)
    roots = [Path(entry) for entry in sys.path if entry]
    inner = [path.relative_to(root) for root in roots if path.is_relative_to(root)]
    return min(inner, key=lambda short: len(short.parts)).as_posix() if inner else "/".join(path.parts[-3:])
