"""The graph of a run: tasks made from a validated workflow, and from what nodes expand into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inhouse.engine.keys import fingerprint_needs, node_key
from inhouse.engine.sharing import implicit_sources
from inhouse.engine.task import Task
from inhouse.engine.topology import sources_first
from inhouse.engine.workflow import Link
from inhouse.errors import NodeExecutionError

if TYPE_CHECKING:
    from inhouse.engine.registry import Registry
    from inhouse.engine.validation import Validation
    from inhouse.engine.workflow import Workflow, WorkflowNode

Fingerprint = Callable[[Task, Mapping[str, Any]], Any]
"""Asks a task's fingerprint function, given the values of its inputs."""


class Graph:
    """All tasks of one run, by id; grows when nodes expand.

    Args:
        registry: the nodes there are.
        fingerprint: asks a node's fingerprint function.

    """

    def __init__(self, registry: Registry, fingerprint: Fingerprint) -> None:
        self.tasks: dict[str, Task] = {}
        self._registry = registry
        self._fingerprint = fingerprint

    def load(self, workflow: Workflow, validation: Validation) -> list[Task]:
        """Make the tasks of a validated workflow, with their keys, and return those wanted."""
        specs = self._registry
        for index, node_id in enumerate(validation.order):
            node = workflow.nodes[node_id]
            task = Task(node_id, specs[node.type], validation.inputs[node_id], index, node_id)
            self.tasks[node_id] = task
            self._wire(task, validation.writers.get(node_id, {}))
            self.set_key(task)
        wanted = [self.tasks[target] for target in validation.targets]
        for task in wanted:
            task.keep = True
        return wanted

    def expand(self, parent: Task, nodes: Mapping[str, WorkflowNode]) -> list[Task]:
        """Make the tasks of an expansion, with their keys.

        Raises:
            NodeExecutionError: a node of it is unknown, or linked to nothing.

        """
        order = sources_first(nodes, lambda i: [s for s in _linked(nodes[i]) if s in nodes], _no_circle(parent))
        for node_id in order:
            self.tasks[node_id] = self._expanded(parent, node_id, nodes[node_id])
        made = [self.tasks[node_id] for node_id in order]
        specs = {task.id: task.spec for task in made}
        writers = implicit_sources(
            order, specs, {t.id: t.inputs for t in made}, lambda i: [s for s in _linked(nodes[i]) if s in nodes]
        )
        for task in made:
            self._wire(task, writers.get(task.id, {}))
            task.writers = {**parent.writers, **task.writers} if task.spec.reads else task.writers
            self.set_key(task)
        return made

    def set_key(self, task: Task, values: Mapping[str, Any] | None = None) -> None:
        """Compute a task's key; where that takes values of its sources, mark it late unless they are given."""
        fingerprint = None
        if task.spec.reads and len(task.writers) < len(task.spec.reads):
            return  # it reads what was there when the run began, which no key knows
        if task.spec.fingerprint is not None:
            needed = fingerprint_needs(task.spec, task.inputs)
            if needed and values is None:
                task.late = True
                return
            fingerprint = self._fingerprint(task, values or task.inputs)
            if fingerprint is None or fingerprint != fingerprint:  # noqa: PLR0124 - NaN means always new
                return
        elif values is None and any(source.late for source in (*task.sources.values(), *task.writers.values())):
            task.late = True
            return
        task.key = node_key(task, fingerprint)

    def _wire(self, task: Task, writers: Mapping[str, str]) -> None:
        for name, value in task.inputs.items():
            if value.__class__ is Link:
                source = self.tasks.get(value.node)
                if source is None:
                    raise NodeExecutionError(
                        f"Node {task.id!r} is linked to {value.node!r}, which is not there.", node_id=task.id
                    )
                task.sources[name] = source
                source.uses += 1
        if writers:
            task.writers = {name: self.tasks[writer] for name, writer in writers.items()}
            for writer in task.writers.values():
                writer.uses += 1

    def _expanded(self, parent: Task, node_id: str, node: WorkflowNode) -> Task:
        spec = self._registry.get(node.type)
        if spec is None:
            similar = self._registry.similar(node.type)
            raise NodeExecutionError(
                f"Node {parent.id!r} expanded into a node {node.type!r}, which is not known.",
                hint=f"Did you mean {' or '.join(similar)}?" if similar else "",
                node_id=parent.display_id,
            )
        inputs = {name: value for name, value in node.inputs.items() if name in spec.inputs}
        display = node.display_id or parent.display_id
        return Task(node_id, spec, inputs, parent.index, display, parent, inherited=parent.key or b"")


def _linked(node: WorkflowNode) -> Sequence[str]:
    return [value.node for value in node.inputs.values() if value.__class__ is Link]


def _no_circle(parent: Task) -> Callable[[list[str]], None]:
    def refuse(loop: list[str]) -> None:
        raise NodeExecutionError(
            f"Node {parent.id!r} expanded into nodes that feed each other in a circle: {' -> '.join(loop)}.",
            node_id=parent.display_id,
        )

    return refuse
