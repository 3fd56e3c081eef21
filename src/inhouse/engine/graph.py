"""The graph of a run: tasks made from a validated workflow, and from what nodes expand into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.engine.asking import parameters
from inhouse.engine.keys import is_plain, node_key
from inhouse.engine.sharing import implicit_sources, shared_names
from inhouse.engine.task import State, Task
from inhouse.engine.topology import as_listed, sources_first
from inhouse.engine.workflow import Link
from inhouse.errors import NodeExecutionError, SharedAccessError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.engine.surroundings import Surroundings
    from inhouse.engine.validation import Validation
    from inhouse.engine.workflow import WorkflowNode


class Graph:
    """The tasks of one run, by id; grows when nodes expand.

    A task is made when somebody asks for it: of a workflow whose result is cached, only the keys are ever computed.

    Args:
        validation: the workflow, sound.
        surroundings: the nodes there are, and what there is besides their inputs.

    Attributes:
        tasks: those made so far.
        keys: what each node's outcome is cached under; None when it must not be used again.
        late: the nodes whose key takes values that are not computed yet.

    """

    def __init__(self, validation: Validation, surroundings: Surroundings) -> None:
        self.tasks: dict[str, Task] = {}
        self.keys: dict[str, bytes | None] = {}
        self.late: set[str] = set()
        self._validation = validation
        self._around = surroundings
        self._places: dict[str, int] = {}
        self._uses: dict[str, int] = {}
        self._load()

    def wanted(self) -> list[Task]:
        """Return the tasks of the nodes that the run is for."""
        wanted = [self.task(target) for target in self._validation.targets]
        for task in wanted:
            task.keep = True
        return wanted

    def task(self, node_id: str) -> Task:
        """Return the task of a node."""
        task = self.tasks.get(node_id)
        if task is None:
            found = self._validation
            task = Task(node_id, found.specs[node_id], found.inputs[node_id], self._places.get(node_id, 0))
            task.implicit = found.writers.get(node_id, task.implicit)
            task.uses = self._uses.get(node_id, 0)
            self.tasks[node_id] = task
        return task

    def open(self, task: Task) -> None:
        """Give a task that is to run its sources and writers."""
        if not task.opened:
            task.opened = True
            if not self._places:
                self._count()
            for name, value in task.inputs.items():
                if value.__class__ is Link:
                    task.sources[name] = self.task(value[0])
            task.writers = {name: self.task(writer) for name, writer in task.implicit.items()}
        task.hold()

    def let_go(self, task: Task) -> None:
        """Have a task hold nothing any longer; what nobody holds loses its outcome, and so on upwards."""
        stack = [task]
        while stack:
            current = stack.pop()
            held, current.made = [*current.made], ()
            if current.holding and (current.opened or current.state is State.IDLE):
                if not current.opened:
                    self.open(current)
                current.holding = False
                held += current.holdings()
            for source in held:
                source.uses -= 1
                if source.uses <= 0 and not source.keep:
                    source.outcome = None
                    if source.state is State.IDLE:
                        stack.append(source)
            if current.parent is not None and current.state is State.DONE:
                current.strip()

    def expand(self, parent: Task, nodes: Mapping[str, WorkflowNode]) -> list[Task]:
        """Make the tasks of an expansion, with their keys, and return them, sources first.

        Raises:
            NodeExecutionError: a node of it is unknown, or linked to nothing, or its id is taken.
            SharedAccessError: a node of it reads a shared name that neither it writes nor its parent reads.

        """
        made = {node_id: self._expanded(parent, node_id, node) for node_id, node in nodes.items()}
        links = {node_id: _linked(node, nodes) for node_id, node in nodes.items()}
        specs = {node_id: task.spec for node_id, task in made.items()}
        inputs = {node_id: task.inputs for node_id, task in made.items()}
        inside = implicit_sources(as_listed(nodes, links.__getitem__), specs, inputs, links.__getitem__)
        for reader, writers in inside.items():
            links[reader] += writers.values()
        order = sources_first(nodes, links.__getitem__, lambda loop: _refuse_circle(parent, loop))
        self.tasks.update(made)
        for task in [made[node_id] for node_id in order]:
            for name, value in task.inputs.items():
                if value.__class__ is Link:
                    self.linked(parent, value, f"node {task.id!r}, input {name!r}")
            if task.spec.reads:
                task.implicit = _writers(parent, task, inside.get(task.id, {}))
            self.open(task)
            for source in task.holdings():
                source.uses += 1
            self.set_key(task)
        return [made[node_id] for node_id in order]

    def linked(self, parent: Task, link: Link, where: str) -> Task:
        """Return the task that a link of an expansion leads to.

        Raises:
            NodeExecutionError: there is no such node, or it has no such output.

        """
        if link.node not in self.tasks and link.node not in self.keys:
            raise NodeExecutionError(
                f"The expansion of node {parent.id!r} links {where} to node {link.node!r}, which is not there.",
                node_id=parent.display_id,
            )
        source = self.task(link.node)
        if not 0 <= link.slot < len(source.spec.outputs):
            raise NodeExecutionError(
                f"The expansion of node {parent.id!r} links {where} to output {link.slot} of node {link.node!r}, "
                f"which has {len(source.spec.outputs)}, counted from 0.",
                node_id=parent.display_id,
            )
        return source

    def set_key(self, task: Task, calls: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Compute a task's key; where that takes values of its sources, mark it late unless its calls are given."""
        linked = [name for name, value in task.inputs.items() if value.__class__ is Link]
        fingerprint = task.spec.fingerprint
        self.keys[task.id] = None
        if calls is None:
            sources = {*[task.inputs[name].node for name in linked], *task.implicit.values()}
            if not self.late.isdisjoint(sources) or (fingerprint and any(map(parameters(fingerprint).wants, linked))):
                self.late.add(task.id)
                return
            calls = [task.inputs]
        self.late.discard(task.id)
        more = self._more(task, calls)
        if more is not None:
            place = (task.inherited, task.id) if task.inherited else None
            self.keys[task.id] = node_key(task.spec, task.inputs, self.keys, more, place)

    def _load(self) -> None:
        inputs, specs = self._validation.inputs, self._validation.specs
        keys = self.keys
        for node_id in self._validation.order:
            spec = specs[node_id]
            if spec.simple and not self.late and not (spec.output_node and self._around.scope):
                keys[node_id] = node_key(spec, inputs[node_id], keys)
            else:
                self.set_key(self.task(node_id))

    def _count(self) -> None:
        """Find each node's place, and how often it is used."""
        inputs, writers, uses = self._validation.inputs, self._validation.writers, self._uses
        for place, node_id in enumerate(self._validation.order):
            self._places[node_id] = place
            for value in inputs[node_id].values():
                if value.__class__ is Link:
                    uses[value[0]] = uses.get(value[0], 0) + 1
            for writer in writers.get(node_id, {}).values():
                uses[writer] = uses.get(writer, 0) + 1
        for node_id, task in self.tasks.items():
            task.index = self._places.get(node_id, task.index)
            task.uses += uses.get(node_id, 0)

    def _more(self, task: Task, calls: Sequence[Mapping[str, Any]]) -> list[Any] | None:
        """Return what decides a task's result besides its inputs; None when it must not be reused."""
        spec = task.spec
        answers = self._around.fingerprint(task, calls)
        written = [(name, self.keys[writer]) for name, writer in task.implicit.items()]
        unkeyed = any(key is None for _, key in written)
        if not spec.cacheable or unkeyed or answers is None or not is_plain(answers):
            return None
        found = self._found(task) if spec.reads else []
        if task.inherited:
            found = [(name, value if is_plain(value) else (task.inherited, task.id)) for name, value in found]
        scope = self._around.scope if spec.output_node else ""
        return [task.id if spec.keyed_by_id else None, answers, written, found, scope] if is_plain(found) else None

    def _found(self, task: Task) -> list[tuple[str, Any]]:
        names = [name for name in shared_names(task.spec.reads, task.inputs) if name not in task.implicit]
        sources = {name: self._around.unwritten(task, name) for name in names}
        return [(name, source[name]) for name, source in sources.items() if name in source]

    def _expanded(self, parent: Task, node_id: str, node: WorkflowNode) -> Task:
        there = self.tasks.get(node_id)
        if there is not None and there.parent is not parent:
            raise NodeExecutionError(
                f"Node {parent.id!r} expanded into a node {node_id!r}, and there is one already.",
                hint="Start the ids of an expansion with context.graph_prefix.",
                node_id=parent.display_id,
            )
        spec = self._around.registry.get(node.type)
        if spec is None:
            similar = self._around.registry.similar(node.type)
            raise NodeExecutionError(
                f"Node {parent.id!r} expanded into a node {node.type!r}, which is not known.",
                hint=f"Did you mean {' or '.join(similar)}?" if similar else "",
                node_id=parent.display_id,
            )
        inputs = {name: node.inputs[name] for name in spec.inputs if name in node.inputs}
        task = Task(node_id, spec, inputs, parent.index)
        task.display_id = node.display_id or parent.display_id
        task.parent = parent
        task.given = {**parent.given, **parent.written}
        task.inherited = b"" if parent.depends_on_failure() else self.keys[parent.id] or b""
        return task


def _linked(node: WorkflowNode, nodes: Mapping[str, WorkflowNode]) -> list[str]:
    return [value.node for value in node.inputs.values() if value.__class__ is Link and value.node in nodes]


def _refuse_circle(parent: Task, loop: list[str]) -> None:
    raise NodeExecutionError(
        f"Node {parent.id!r} expanded into nodes that feed each other in a circle: {' -> '.join(loop[:8])}.",
        node_id=parent.display_id,
    )


def _writers(parent: Task, task: Task, inside: Mapping[str, str]) -> dict[str, str]:
    """Return the writers of the names that a node of an expansion reads, inside the expansion and before it."""
    declared = shared_names(parent.spec.reads, parent.inputs)
    writers = dict(inside)
    for name in shared_names(task.spec.reads, task.inputs):
        if name in inside or name in task.given:
            continue
        if name not in declared:
            raise SharedAccessError(
                f"Node {parent.id!r} expanded into node {task.id!r}, which reads shared name {name!r}.",
                hint=f"Declare it for the node that expands: @node(..., reads=({name!r},)).",
                node_id=parent.display_id,
            )
        if name in parent.implicit:
            writers[name] = parent.implicit[name]
    return writers
