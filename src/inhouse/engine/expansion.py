"""Expansion: a node returned a graph, whose nodes run in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.engine import calls
from inhouse.engine.cache import Outcome
from inhouse.engine.node import Result
from inhouse.engine.sharing import shared_names
from inhouse.engine.workflow import Link
from inhouse.errors import NodeExecutionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.engine.graph import Graph
    from inhouse.engine.task import Task
    from inhouse.engine.workflow import WorkflowNode


def expand(graph: Graph, task: Task, results: Sequence[Result]) -> list[Task]:
    """Put what a node's calls returned into the graph; the task has ``made`` then, which it waits for.

    Returns:
        The output nodes of the expansion, which are to run whether or not somebody reads them.

    Raises:
        NodeExecutionError: the expansion is no sound graph.
        SharedAccessError: it reads shared names that its parent does not declare.

    """
    made = graph.expand(task, _merged(task, results))
    links = [value for result in results for value in result.values if value.__class__ is Link]
    linked = [graph.linked(task, link, "its result") for link in links]
    leaving: dict[str, Task] = {}
    if task.spec.writes:
        declared = shared_names(task.spec.writes, task.inputs)
        for child in made:
            leaving.update((name, child) for name in shared_names(child.spec.writes, child.inputs) if name in declared)
    graph.let_go(task)  # its sources are read no more, and a loop of many rounds would hold those of each
    task.calls = [Result(result.values, result.ui) for result in results]
    task.leaving = leaving
    task.made = [*linked, *leaving.values()]
    for child in task.made:
        child.uses += 1
    shown = [child for child in made if child.spec.output_node]
    for child in shown:
        child.keep = True
    task.storable = not shown
    return shown


def collect(graph: Graph, task: Task) -> Outcome:
    """Return the outcome of a task whose expansion is done."""
    slots: list[list[Any]] = [[] for _ in task.spec.outputs]
    for result in task.calls:
        for slot, output, value in zip(slots, task.spec.outputs, result.values, strict=True):
            if value.__class__ is Link:
                source = graph.tasks[value.node].outcome
                slot.extend(source.slots[value.slot] if source else ())
            elif output.is_list and isinstance(value, list | tuple):
                slot.extend(value)
            else:
                slot.append(value)
    task.storable = task.storable and all(child.storable for child in task.made)
    writes = dict(task.written)
    for name, child in task.leaving.items():
        if child.outcome is not None and name in child.outcome.writes:
            writes[name] = child.outcome.writes[name]
    return Outcome(slots, calls.merge_ui(result.ui for result in task.calls), writes)


def _merged(task: Task, results: Sequence[Result]) -> Mapping[str, WorkflowNode]:
    nodes: dict[str, WorkflowNode] = {}
    for result in results:
        for node_id, node in (result.expand or {}).items():
            if node_id in nodes:
                raise NodeExecutionError(
                    f"Two calls of node {task.id!r} expanded into a node {node_id!r}.",
                    hint="Start the ids of an expansion with context.graph_prefix.",
                    node_id=task.display_id,
                )
            nodes[node_id] = node
    return nodes
