"""Validation: everything that is wrong with a workflow, found before anything runs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.engine.asking import ask, parameters
from inhouse.engine.coercion import coerce
from inhouse.engine.sharing import implicit_sources, shared_names
from inhouse.engine.sockets import MISSING
from inhouse.engine.topology import as_listed, sources_first
from inhouse.engine.workflow import Link, Malformed, Workflow
from inhouse.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inhouse.engine.markers import Choices
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry
    from inhouse.engine.sockets import InputSpec

_MANY = 100
"""Of faults that take long to find or to tell (cycles, similar names), this many are told in full."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What validation found.

    Attributes:
        faults: everything that is wrong.
        targets: nodes asked for that no fault stands in the way of.
        order: ids of the sound nodes that were reached, sources first; in it is all that the targets need.
        specs: the declarations of all nodes that are known.
        inputs: the inputs of those in ``order``, literals coerced to the declared types.
        writers: for each reader of shared names the node that each name comes from.

    """

    faults: tuple[Fault, ...]
    targets: tuple[str, ...]
    order: tuple[str, ...]
    specs: Mapping[str, NodeSpec]
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
        self.choices: dict[Choices, tuple[str, ...]] = {}
        self.specs: dict[str, NodeSpec] = {}
        self.inputs: dict[str, Mapping[str, Any]] = {}
        self.implicit: Mapping[str, Mapping[str, str]] = {}
        self.cycles = 0

    def run(self, targets: Sequence[str] | None) -> Validation:
        self.read_specs()
        wanted = self.wanted(targets)
        if any(spec.reads for spec in self.specs.values()):
            self.implicit = self.writers()
        order = sources_first(wanted, self.check_node, self.cycle)
        bad = self.spoiled(order)
        order = [node_id for node_id in order if node_id not in bad] if bad else order
        good = tuple(target for target in wanted if target not in bad)
        return Validation(tuple(self.faults), good, tuple(order), self.specs, self.inputs, self.implicit)

    def read_specs(self) -> None:
        get = self.registry.get
        similar: dict[str, list[str]] = {}
        for node_id, node in self.nodes.items():
            spec = get(node.type)
            if spec is not None:
                self.specs[node_id] = spec
                continue
            if node.type not in similar:
                similar[node.type] = self.registry.similar(node.type) if len(similar) < _MANY else []
            found = " or ".join(similar[node.type])
            hint = f"Did you mean {found}?" if found else "Install the pack that has it."
            self.add("unknown_node", f"There is no node {node.type!r}.", node_id, hint=hint, type=node.type)

    def wanted(self, targets: Sequence[str] | None) -> list[str]:
        if targets is not None:
            for target in targets:
                if target not in self.nodes:
                    self.add("unknown_target", f"There is no node with id {target!r} to run.", hint=self.ids_hint())
            return [target for target in dict.fromkeys(targets) if target in self.nodes]
        outputs = [node_id for node_id, spec in self.specs.items() if spec.output_node]
        if not outputs:
            hint = "Add one that keeps its result, such as SaveImage or PreviewImage."
            self.add("no_outputs", "The workflow has no output node, so there is nothing to do.", hint=hint)
        return outputs

    def writers(self) -> Mapping[str, Mapping[str, str]]:
        """Find who reads whose shared names: in the whole workflow, so that it does not depend on the targets."""
        links = {node_id: self.links(node_id) for node_id in self.specs}
        order = as_listed(self.specs, links.__getitem__)
        named = {i: self.literals(i) for i, spec in self.specs.items() if spec.touches_shared}
        return implicit_sources(order, self.specs, named, links.__getitem__)

    def links(self, node_id: str) -> list[str]:
        given = self.nodes[node_id].inputs
        found = [given[name] for name in self.specs[node_id].inputs if name in given]
        return [value.node for value in found if value.__class__ is Link and value.node in self.specs]

    def literals(self, node_id: str) -> dict[str, Any]:
        given = self.nodes[node_id].inputs
        declared = [(name, spec) for name, spec in self.specs[node_id].inputs.items() if name in given]
        return {
            name: given[name] if given[name].__class__ is Link else self.read(node_id, spec, given[name])[0]
            for name, spec in declared
        }

    def cycle(self, loop: list[str]) -> None:
        self.cycles += 1
        if self.cycles <= _MANY:
            shown = " -> ".join([*loop[:8], *(["..."] if len(loop) > 8 else []), loop[0]])
            hint = "Remove one of these links."
            self.add("cycle", f"The nodes feed each other in a circle: {shown}.", loop[0], hint=hint, nodes=loop)

    def check_node(self, node_id: str) -> list[str]:
        """Check a node and return the nodes that it needs."""
        given = self.nodes[node_id].inputs
        spec = self.specs.get(node_id)
        if spec is None:
            return self.links_of_unknown(given)
        before = len(self.faults)
        inputs: dict[str, Any] = {}
        sources: list[str] = []
        read = False
        for name, declared in spec.inputs.items():
            value = given.get(name, MISSING)
            if value.__class__ is Link:
                inputs[name] = value
                if self.check_link(node_id, declared, value):
                    sources.append(value[0])
            elif declared.fits(value):
                inputs[name] = value
            elif value is not MISSING:
                read = True
                inputs[name] = self.check_value(node_id, declared, value)
            elif declared.required:
                hint = f"Link or set it; it takes {declared.type}."
                self.add("required_input_missing", "A required input is missing.", node_id, name, hint)
        unchanged = not read and len(inputs) == len(given)
        self.inputs[node_id] = given if unchanged else inputs  # a second mapping a node would only cost memory
        if spec.touches_shared:
            self.check_shared(node_id, spec, inputs)
            sources.extend(self.implicit.get(node_id, {}).values())
        if spec.check is not None and len(self.faults) == before:
            self.custom_check(node_id, spec, inputs)
        return sources

    def check_value(self, node_id: str, declared: InputSpec, value: Any) -> Any:
        """Return a typed-in value as the type declared, as far as it can be read."""
        value, fault = self.read(node_id, declared, value)
        if fault:
            self.faults.append(fault)
        return value

    def read(self, node_id: str, declared: InputSpec, value: Any) -> tuple[Any, Fault | None]:
        choices: tuple[str, ...] | None = None
        if value.__class__ is Malformed:
            return value, _malformed(node_id, declared, value)
        if declared.choices is not None:
            choices = self.choices.get(declared.choices)
            if choices is None:
                choices = self.choices[declared.choices] = self.registry.choices(declared.choices)
        elif not declared.is_widget and not declared.type.is_wildcard:
            message = f"This input takes a link to {declared.type}, not the value {value!r:.80}."
            details = {"received_value": value}
            return value, Fault("link_expected", message, node_id, declared.name, "Link a node to it.", details)
        value, fault = coerce(node_id, declared, value, choices)
        if fault and declared.choices is not None:
            fault = self.registry.refine(fault, declared.choices, value)
        return value, fault

    def links_of_unknown(self, given: Mapping[str, Any]) -> list[str]:
        """Return what a node that nobody knows is linked to, which is checked all the same."""
        return [value.node for value in given.values() if value.__class__ is Link and value.node in self.nodes]

    def check_link(self, node_id: str, declared: InputSpec, link: Link) -> bool:
        """Return whether there is such a node."""
        source_id, slot = link
        source = self.specs.get(source_id)
        if source is None or not 0 <= slot < len(source.outputs):
            self.dead_link(node_id, declared, link)
            return source_id in self.nodes
        if not declared.type.accepts(source.outputs[slot].type):
            self.misfit(node_id, declared, link, source)
        return True

    def dead_link(self, node_id: str, declared: InputSpec, link: Link) -> None:
        spec = self.specs.get(link.node)
        if spec is not None:
            message = f"It is linked to output {link.slot} of node {link.node!r} ({spec.id})."
            hint = f"That node has {len(spec.outputs)} outputs, counted from 0."
            self.add("bad_slot", message, node_id, declared.name, hint)
        elif link.node not in self.nodes:
            message = f"It is linked to node {link.node!r}, which is not there."
            self.add("missing_node", message, node_id, declared.name, "Link it to a node of this workflow.")

    def misfit(self, node_id: str, declared: InputSpec, link: Link, spec: NodeSpec) -> None:
        given = spec.outputs[link.slot].type
        message = f"It takes {declared.type}; output {link.slot} of node {link.node!r} ({spec.id}) gives {given}."
        hint = self.fitting_hint(spec, declared)
        details = {"received_type": str(given), "linked_node": list(link)}
        self.add("return_type_mismatch", message, node_id, declared.name, hint, **details)

    def custom_check(self, node_id: str, spec: NodeSpec, inputs: Mapping[str, Any]) -> None:
        if spec.check is None:
            return
        known = {name: value for name, value in inputs.items() if value.__class__ is not Link}
        if not parameters(spec.check).required <= known.keys():
            return
        named = [name for name in known if parameters(spec.check).wants(name)]
        try:
            answer = ask(spec.check, known)
        except Exception as error:  # noqa: BLE001 - a node's own code must not keep the other faults from being told
            answer = f"The node's own check failed: {type(error).__name__}: {error}"
        if answer is not True:
            self.add("custom_validation_failed", str(answer), node_id, ", ".join(named), inputs=named)

    def check_shared(self, node_id: str, spec: NodeSpec, inputs: Mapping[str, Any]) -> None:
        for template in (*spec.reads, *spec.writes):
            if not shared_names([template], inputs):
                message = f"The shared name {template!r} is filled in from an input that is linked or missing."
                self.add("shared_name_linked", message, node_id, hint="Type the name in instead of linking it.")

    def spoiled(self, order: Iterable[str]) -> set[str]:
        """Return the nodes that have a fault, or an ancestor with one."""
        if not self.faults:
            return set()
        consumers: dict[str, list[str]] = defaultdict(list)
        for node_id in order:
            needed = [value.node for value in self.inputs.get(node_id, {}).values() if value.__class__ is Link]
            for source in [*needed, *self.implicit.get(node_id, {}).values()]:
                consumers[source].append(node_id)
        bad: set[str] = set()
        stack = [fault.node_id for fault in self.faults]
        while stack:
            node_id = stack.pop()
            if node_id not in bad:
                bad.add(node_id)
                stack.extend(consumers.get(node_id, ()))
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


def _malformed(node_id: str, declared: InputSpec, value: Malformed) -> Fault:
    details: dict[str, Any] = {"received_value": value.given}
    if value.exception:
        details.update(exception_type=value.exception, exception_message=value.message)
    return Fault(value.code, value.message, node_id, declared.name, details=details)
