"""Validation: everything that is wrong with a workflow, found before anything runs."""

from __future__ import annotations

import inspect
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.engine.coercion import coerce
from inhouse.engine.sharing import implicit_sources, shared_names
from inhouse.engine.topology import sources_first
from inhouse.engine.workflow import Link, Workflow, WorkflowNode
from inhouse.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry
    from inhouse.engine.sockets import InputSpec


@dataclass(frozen=True, slots=True)
class Validation:
    """What validation found.

    Attributes:
        faults: everything that is wrong.
        targets: nodes asked for that no fault stands in the way of.
        order: ids of the nodes that these need, sources first.
        inputs: their inputs, literals coerced to the declared types.
        writers: for each reader of shared names the node that each name comes from.

    """

    faults: tuple[Fault, ...]
    targets: tuple[str, ...]
    order: tuple[str, ...]
    inputs: Mapping[str, Mapping[str, Any]]
    writers: Mapping[str, Mapping[str, str]]


def validate(workflow: Workflow, registry: Registry, targets: Sequence[str] | None = None) -> Validation:
    """Check a workflow against the registry: O(nodes + links).

    Args:
        workflow: what to check.
        registry: the nodes there are.
        targets: ids of the nodes wanted; None means every output node.

    """
    return _Validator(workflow, registry).run(targets)


class _Validator:
    """One pass over one workflow; collects faults as it goes."""

    def __init__(self, workflow: Workflow, registry: Registry) -> None:
        self.nodes = workflow.nodes
        self.registry = registry
        self.faults: list[Fault] = []
        self.choices: dict[Any, tuple[str, ...]] = {}
        self.inputs: dict[str, Mapping[str, Any]] = {}

    def run(self, targets: Sequence[str] | None) -> Validation:
        self.unknown_nodes()
        wanted = self.wanted(targets)
        order = sources_first(self.with_writers(wanted), self.sources, self.cycle)
        for node_id in order:
            spec = self.registry.get(self.nodes[node_id].type)
            if spec is not None:
                self.inputs[node_id] = self.check_node(node_id, self.nodes[node_id], spec)
        writers = self.writers(order)
        if writers:
            order = sources_first(order, lambda i: [*self.sources(i), *writers.get(i, {}).values()], self.cycle)
        bad = self.spoiled(order, writers)
        good = tuple(target for target in wanted if target not in bad)
        return Validation(tuple(self.faults), good, tuple(order), self.inputs, writers)

    def unknown_nodes(self) -> None:
        for node_id, node in self.nodes.items():
            if node.type not in self.registry:
                similar = self.registry.similar(node.type)
                hint = f"Did you mean {' or '.join(similar)}?" if similar else "Install the pack that has it."
                self.add("unknown_node", f"There is no node {node.type!r}.", node_id, hint=hint, type=node.type)

    def wanted(self, targets: Sequence[str] | None) -> list[str]:
        if targets is not None:
            for target in targets:
                if target not in self.nodes:
                    self.add("unknown_target", f"There is no node with id {target!r} to run.", hint=self.ids_hint())
            return [target for target in dict.fromkeys(targets) if target in self.nodes]
        outputs = [i for i, n in self.nodes.items() if (spec := self.registry.get(n.type)) and spec.output_node]
        if not outputs:
            hint = "Add one that keeps its result, such as SaveImage or PreviewImage."
            self.add("no_outputs", "The workflow has no output node, so there is nothing to do.", hint=hint)
        return outputs

    def with_writers(self, wanted: list[str]) -> list[str]:
        """Add the nodes that write shared names, where any node that reads one may run."""
        specs = {node_id: self.registry.get(node.type) for node_id, node in self.nodes.items()}
        if not any(spec and spec.reads for spec in specs.values()):
            return wanted
        return [*wanted, *(node_id for node_id, spec in specs.items() if spec and spec.writes)]

    def writers(self, order: Sequence[str]) -> dict[str, dict[str, str]]:
        specs = {i: spec for i in order if (spec := self.registry.get(self.nodes[i].type)) is not None}
        if not any(spec.reads for spec in specs.values()):
            return {}
        known = [node_id for node_id in order if node_id in specs]
        return implicit_sources(known, specs, self.inputs, self.sources)

    def sources(self, node_id: str) -> list[str]:
        nodes = self.nodes
        return [v.node for v in nodes[node_id].inputs.values() if v.__class__ is Link and v.node in nodes]

    def cycle(self, loop: list[str]) -> None:
        shown = " -> ".join([*loop[:8], *(["..."] if len(loop) > 8 else []), loop[0]])
        hint = "Remove one of these links."
        self.add("cycle", f"The nodes feed each other in a circle: {shown}.", loop[0], hint=hint, nodes=loop)

    def check_node(self, node_id: str, node: WorkflowNode, spec: NodeSpec) -> Mapping[str, Any]:
        before = len(self.faults)
        inputs: dict[str, Any] = {}
        for name, declared in spec.inputs.items():
            if name not in node.inputs:
                if declared.required:
                    hint = f"Link or set it; it takes {declared.type}."
                    self.add("required_input_missing", "A required input is missing.", node_id, name, hint)
                continue
            value = node.inputs[name]
            if value.__class__ is Link:
                self.check_link(node_id, declared, value)
                inputs[name] = value
            else:
                inputs[name], fault = self.check_value(node_id, declared, value)
                if fault:
                    self.faults.append(fault)
        if spec.touches_shared:
            self.check_shared(node_id, spec, inputs)
        if spec.check is not None and len(self.faults) == before:
            self.custom_check(node_id, spec, inputs)
        return inputs

    def check_value(self, node_id: str, declared: InputSpec, value: Any) -> tuple[Any, Fault | None]:
        choices = None
        if declared.choices is not None:
            source = declared.choices.source
            choices = self.choices.get(source)
            if choices is None:
                choices = self.choices[source] = self.registry.choices(declared.choices)
        elif not declared.is_widget and not declared.type.is_wildcard:
            message = f"This input takes a link to {declared.type}, not the value {value!r:.80}."
            return value, Fault("link_expected", message, node_id, declared.name, "Link a node to it.")
        value, fault = coerce(node_id, declared, value, choices)
        if fault is not None and declared.choices is not None:
            fault = self.registry.refine(fault, declared.choices)
        return value, fault

    def check_link(self, node_id: str, declared: InputSpec, link: Link) -> None:
        source = self.nodes.get(link.node)
        if source is None:
            message = f"It is linked to node {link.node!r}, which is not there."
            self.add("missing_node", message, node_id, declared.name, "Link it to a node of this workflow.")
            return
        spec = self.registry.get(source.type)
        if spec is None:
            return
        if not 0 <= link.slot < len(spec.outputs):
            message = f"It is linked to output {link.slot} of node {link.node!r} ({spec.id})."
            hint = f"That node has {len(spec.outputs)} outputs, counted from 0."
            self.add("bad_slot", message, node_id, declared.name, hint)
            return
        given = spec.outputs[link.slot].type
        if not declared.type.accepts(given):
            message = f"It takes {declared.type}; output {link.slot} of node {link.node!r} ({spec.id}) gives {given}."
            hint = self.fitting_hint(spec, declared)
            details = {"received_type": str(given), "linked_node": list(link)}
            self.add("return_type_mismatch", message, node_id, declared.name, hint, **details)

    def custom_check(self, node_id: str, spec: NodeSpec, inputs: Mapping[str, Any]) -> None:
        if spec.check is None:
            return
        wanted = inspect.signature(spec.check).parameters
        takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in wanted.values())
        known = {n: v for n, v in inputs.items() if v.__class__ is not Link and (takes_all or n in wanted)}
        if all(n in known or p.default is not p.empty or takes_all for n, p in wanted.items()):
            answer = spec.check(**known)
            if answer is not True:
                self.add("custom_validation_failed", str(answer), node_id, ", ".join(known))

    def check_shared(self, node_id: str, spec: NodeSpec, inputs: Mapping[str, Any]) -> None:
        for template in (*spec.reads, *spec.writes):
            if not shared_names([template], inputs):
                message = f"The shared name {template!r} is filled in from an input that is linked or missing."
                self.add("shared_name_linked", message, node_id, hint="Type the name in instead of linking it.")

    def spoiled(self, order: Iterable[str], writers: Mapping[str, Mapping[str, str]]) -> set[str]:
        """Return the nodes that have a fault, or an ancestor with one."""
        if not self.faults:
            return set()
        consumers: dict[str, list[str]] = defaultdict(list)
        for node_id in order:
            for source in [*self.sources(node_id), *writers.get(node_id, {}).values()]:
                consumers[source].append(node_id)
        bad: set[str] = set()
        stack = [fault.node_id for fault in self.faults]
        while stack:
            node_id = stack.pop()
            if node_id not in bad:
                bad.add(node_id)
                stack.extend(consumers[node_id])
        return bad

    def fitting_hint(self, spec: NodeSpec, declared: InputSpec) -> str:
        fitting = [str(slot) for slot, output in enumerate(spec.outputs) if declared.type.accepts(output.type)]
        return f"Output {' or '.join(fitting)} of that node would fit." if fitting else "Link a node of that type."

    def ids_hint(self) -> str:
        return f"The ids are {', '.join(list(self.nodes)[:20])}."

    def add(
        self, code: str, message: str, node_id: str = "", input_name: str = "", hint: str = "", **details: Any
    ) -> None:
        self.faults.append(Fault(code, message, node_id, input_name, hint, details))
