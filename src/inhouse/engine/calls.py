"""How a node's function is called: once, once an element of its lists, or once with whole lists."""

from __future__ import annotations

from itertools import repeat
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
_LONG = 2000
"""A report of a failure shows this much of each text."""
_MANY = 100
"""A report of a failure shows this many elements of each list."""


def arguments(task: Task) -> list[Arguments]:
    """Return the keyword arguments of each call of a task whose sources are done.

    Lists are mapped in step, the shorter ones repeating their last element; an empty list means no call at all.
    """
    lists = {name: values(task, name, value) for name, value in task.inputs.items()}
    if task.spec.input_is_list:
        return [{name: list(items) for name, items in lists.items()}]
    counts = set(map(len, lists.values()))
    if counts <= {1}:
        return [{name: items[0] for name, items in lists.items()}]
    if 0 in counts:
        return []
    return [{name: items[min(i, len(items) - 1)] for name, items in lists.items()} for i in range(max(counts))]


def values(task: Task, name: str, value: Any) -> Sequence[Any]:
    """Return what an input holds: a list of one, unless its source mapped lists; None stands for "not asked for"."""
    if value.__class__ is not Link:
        return (value,)
    source = task.sources[name]
    if not task.spec.eager and not task.reads(name):
        return ([value.node, value.slot],) if task.spec.inputs[name].raw_link else (None,)
    if source.outcome is None:
        return (source.failure,)
    slots: Sequence[Sequence[Any]] = source.outcome.slots
    return slots[value[1]]


def told(task: Task) -> dict[str, list[Any]]:
    """Return what a task was given, for a report: numbers and short texts as they are, all else as text."""
    told_inputs = {}
    for name, value in task.inputs.items():
        source = task.sources.get(name)
        held = values(task, name, value) if source is None or source.failure is None else (source.failure.error,)
        told_inputs[name] = [_told(item) for item in held[:_MANY]]
    return told_inputs


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
    return Result(tuple(repeat(Blocker(), len(spec.outputs))))


def normalise(spec: NodeSpec, returned: Any) -> Result:
    """Return what a node's function returned as a ``Result``, one value a declared output.

    Raises:
        NodeExecutionError: it returned another number of values than it declares, or no list where it declares one.

    """
    count = len(spec.outputs)
    if returned.__class__ is Result:
        result: Result = returned
        if not result.values and (result.ui is not None or result.expand is not None):
            result = Result((None,) * count, result.ui, result.expand)
    elif count == 0:
        return Result()
    elif count == 1 and not (isinstance(returned, tuple) and len(returned) == 1 and hasattr(returned, "_fields")):
        result = Result((returned,))
    elif isinstance(returned, tuple | list):
        result = Result(tuple(returned))
    else:
        raise NodeExecutionError(f"Node {spec.id} returned {_kind(returned)} and declares {count} outputs.")
    if len(result.values) != count:
        raise NodeExecutionError(f"Node {spec.id} returned {len(result.values)} values and declares {count}.")
    for output, value in zip(spec.outputs, result.values, strict=True) if spec.gives_lists else ():
        if output.is_list and not isinstance(value, list | tuple | Blocker):
            raise NodeExecutionError(f"Node {spec.id} returned {_kind(value)} where it declares a list.")
    return result


def collect(spec: NodeSpec, results: Sequence[Result], writes: Mapping[str, Any]) -> Outcome:
    """Put the results of all calls of a node together, slot by slot."""
    if len(results) == 1 and not spec.gives_lists:
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


def _told(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - a custom node's class may say anything, or nothing, of itself
        text = f"{type(value).__name__} ({type(error).__name__} when shown)"
    return text if len(text) <= _LONG else f"{text[:_LONG]} ..."


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
