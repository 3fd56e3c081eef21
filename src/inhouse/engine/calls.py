"""How a node's function is called: once, once an element of its lists, or once with whole lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.engine.cache import Outcome
from inhouse.engine.node import Blocker, Result
from inhouse.engine.workflow import Link
from inhouse.errors import NodeExecutionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inhouse.engine.node import NodeSpec
    from inhouse.engine.task import Task

Arguments = dict[str, Any]


def arguments(task: Task) -> list[Arguments]:
    """Return the keyword arguments of each call of a task whose sources are done.

    Lists are mapped in step, the shorter ones repeating their last element; an empty list means no call at all.
    """
    lists = {name: values(task, name) for name in task.inputs}
    if task.spec.input_is_list:
        return [dict(lists)]
    longest = max(map(len, lists.values()), default=1)
    if longest == 1 and all(lists.values()):
        return [{name: items[0] for name, items in lists.items()}]
    if not all(lists.values()):
        return []
    return [{name: items[min(i, len(items) - 1)] for name, items in lists.items()} for i in range(longest)]


def values(task: Task, name: str) -> Sequence[Any]:
    """Return what an input holds: a list of one, unless its source mapped lists; None stands for "not computed"."""
    value = task.inputs[name]
    if value.__class__ is not Link:
        return (value,)
    if task.spec.inputs[name].raw_link:
        return ([value.node, value.slot],)
    source = task.sources[name]
    if source.failure is not None and task.spec.inputs[name].catches:
        return (source.failure,)
    return source.outcome.slots[value.slot] if source.outcome is not None else (None,)


def blocker(spec: NodeSpec, call: Mapping[str, Any]) -> Blocker | None:
    """Return the blocker among the arguments of a call, if there is one."""
    for value in call.values():
        if value.__class__ is Blocker:
            return value
        if spec.input_is_list and any(item.__class__ is Blocker for item in value):
            return next(item for item in value if item.__class__ is Blocker)
    return None


def blocked(spec: NodeSpec) -> Result:
    """Return the result of a call that a blocker kept from running: every consumer is blocked, silently."""
    return Result(tuple(Blocker() for _ in spec.outputs))


def normalise(spec: NodeSpec, returned: Any) -> Result:
    """Return what a node's function returned as a ``Result``, one value a declared output.

    Raises:
        NodeExecutionError: it returned another number of values than it declares.

    """
    count = len(spec.outputs)
    if returned.__class__ is Result:
        result: Result = returned
    elif count == 1 and not hasattr(returned, "_fields"):
        return Result((returned,))
    elif count == 0:
        return Result()
    else:
        result = Result(tuple(returned))
    if not result.values and result.ui is not None:
        return Result((None,) * count, result.ui, result.expand)
    if len(result.values) != count:
        raise NodeExecutionError(f"Node {spec.id} returned {len(result.values)} values and declares {count}.")
    return result


def collect(spec: NodeSpec, results: Sequence[Result], writes: Mapping[str, Any]) -> Outcome:
    """Put the results of all calls of a node together, slot by slot."""
    if len(results) == 1 and not any(output.is_list for output in spec.outputs):
        return Outcome(tuple([(value,) for value in results[0].values]), results[0].ui, writes)
    slots: list[list[Any]] = [[] for _ in spec.outputs]
    for result in results:
        for slot, output, value in zip(slots, spec.outputs, result.values, strict=False):
            if output.is_list and value.__class__ is not Blocker:
                slot.extend(value)
            else:
                slot.append(value)
    return Outcome(slots, merge_ui(result.ui for result in results), writes)


def merge_ui(shown: Iterable[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    """Join what several calls show, list by list."""
    merged: dict[str, Any] = {}
    for ui in shown:
        for name, items in (ui or {}).items():
            merged[name] = [*merged[name], *items] if name in merged else items
    return merged or None
