"""Fields of a workflow that is a service: what its callers give and get, from what its nodes declare."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from inhouse.engine.markers import Choices
from inhouse.engine.sockets import MISSING, InputSpec
from inhouse.engine.workflow import Link
from inhouse.errors import UsageError
from inhouse.models.signature import Field, Kind

if TYPE_CHECKING:
    from inhouse.engine.registry import Registry
    from inhouse.engine.workflow import Workflow, WorkflowNode

INPUT, OUTPUT = "ServiceInput", "ServiceOutput"
"""Nodes that say on the canvas what a service takes and gives."""

_KINDS: Mapping[str, Kind] = {"STRING": "text", "INT": "integer", "FLOAT": "number", "BOOLEAN": "boolean"}
_WIDEST = 2.0**53
"""Bounds beyond this say nothing: JSON's readers keep no larger integer exactly."""


@dataclass(frozen=True, slots=True)
class WorkflowFields:
    """What a workflow takes and gives as a service.

    Attributes:
        fields_in: what callers may give; what they leave out is as the workflow has it.
        fields_out: what they get.
        bindings: by field, the ``node.input`` that it sets, or the node whose output it is.

    """

    fields_in: tuple[Field, ...]
    fields_out: tuple[Field, ...]
    bindings: Mapping[str, str]


def fields_of_workflow(
    workflow: Workflow, registry: Registry, expose: Iterable[str] = (), outputs: Iterable[str] = ()
) -> WorkflowFields:
    """Return what a workflow takes and gives.

    Args:
        workflow: in the API format or read from a canvas.
        registry: knows its nodes.
        expose: inputs that callers may set, as ``NODE.INPUT`` or ``NODE.INPUT=NAME``, besides ``ServiceInput`` nodes.
        outputs: nodes whose output callers get, as ``NODE`` or ``NODE=NAME``, besides ``ServiceOutput`` nodes; where
            there is neither, every node that is run for its effect.

    Raises:
        UsageError: there is no such node or input, or two fields have one name.

    """
    _check_links(workflow, registry)
    found = _Fields()
    for node_id, node in workflow.nodes.items():
        if node.type == INPUT:
            found.add(_service_input(node), f"{node_id}.value")
    for entry in expose:
        place, _, name = entry.partition("=")
        found.add(_exposed(workflow, registry, place, name), place)
    fields_in = tuple(found.fields)
    for node_id, name in _outputs(workflow, registry, outputs):
        found.add(_output(workflow, node_id, registry, name, found.bindings), node_id)
    return WorkflowFields(fields_in, tuple(found.fields[len(fields_in) :]), found.bindings)


def _check_links(workflow: Workflow, registry: Registry) -> None:
    """Refuse links to nowhere, with which no call could ever be answered."""
    for node_id, node in workflow.nodes.items():
        for name, value in node.inputs.items():
            if not isinstance(value, Link):
                continue
            source = workflow.nodes.get(value.node)
            spec = registry.get(source.type) if source is not None else None
            if source is None or (spec is not None and value.slot >= len(spec.outputs)):
                raise UsageError(
                    f"Input {node_id}.{name} is linked to an output that there is not: {value.node}, {value.slot}.",
                    hint="Save the workflow again from the canvas.",
                )


class _Fields:
    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.bindings: dict[str, str] = {}

    def add(self, field: Field, binding: str) -> None:
        if field.name in self.bindings:
            raise UsageError(
                f"Two fields have the name {field.name!r}: {self.bindings[field.name]} and {binding}.",
                hint=f"Give one of them another name: {binding}=NAME.",
            )
        self.fields.append(field)
        self.bindings[field.name] = binding


def _service_input(node: WorkflowNode) -> Field:
    name, kind = str(node.inputs.get("name", "")), node.inputs.get("kind", "text")
    if not name or kind not in get_args(Kind):
        raise UsageError("A ServiceInput node has no name, or a kind that there is not.", hint="Name it on the canvas.")
    value = node.inputs.get("value", "")
    given = kind == "text" and isinstance(value, str) and value != ""
    return Field(name, kind, node.title, rows=False, required=not given, default=value if given else None)


def _exposed(workflow: Workflow, registry: Registry, place: str, name: str) -> Field:
    node_id, _, input_name = place.rpartition(".")
    node = workflow.nodes.get(node_id)
    if node is None:
        raise UsageError(f"There is no node {node_id!r} to expose {input_name!r} of.", hint=_listed(workflow))
    spec = registry.get(node.type)
    declared = spec.inputs.get(input_name) if spec is not None else None
    if declared is None:
        names = ", ".join(spec.inputs) if spec is not None else "unknown"
        raise UsageError(f"Node {node_id} ({node.type}) has no input {input_name!r}.", hint=f"Its inputs are: {names}.")
    value = node.inputs.get(input_name, declared.default)
    if isinstance(value, Link):
        raise UsageError(f"Input {place} is linked: its value comes from a node.", hint="Expose that node's input.")
    return field_of(declared, name or input_name, None if value is MISSING else value)


def field_of(declared: InputSpec, name: str, value: Any = None) -> Field:
    """Return a node's input as a field: type, range and choices are the node's, the default is the workflow's.

    Raises:
        UsageError: nothing that a caller could send fits it.

    """
    text = str(declared.options.get("tooltip", ""))
    plain = {"description": text, "rows": False, "required": value is None, "default": value}
    if declared.options.get("image_upload"):
        return Field(name, "image", **{**plain, "required": False, "default": None})
    if declared.choices is not None:
        given = _choices(declared.choices)
        return Field(name, "choice" if given else "text", choices=given, **plain)
    kind = next((kind for wire, kind in _KINDS.items() if wire in declared.type.names), None)
    if kind is None:
        raise UsageError(f"Input {declared.name!r} takes {declared.type}, which no caller can send.")
    bounds: dict[str, Any] = {}
    if declared.range is not None:
        least, most = declared.range.min, declared.range.max
        bounds = {"minimum": _bound(least), "maximum": _bound(most)}
    return Field(name, kind, **plain, **bounds)


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) and abs(value) < _WIDEST else None


def _choices(choices: Choices) -> tuple[str, ...]:
    """Return choices that are always the same; names of files, which come and go, are not."""
    return choices.source if isinstance(choices.source, tuple) else ()


def _outputs(workflow: Workflow, registry: Registry, outputs: Iterable[str]) -> Sequence[tuple[str, str]]:
    """Return the nodes whose output callers get, and the names asked for."""
    found = [
        (node_id, str(node.inputs.get("name", ""))) for node_id, node in workflow.nodes.items() if node.type == OUTPUT
    ]
    for entry in outputs:
        node_id, _, name = entry.partition("=")
        if node_id not in workflow.nodes:
            raise UsageError(f"There is no node {node_id!r} to give the output of.", hint=_listed(workflow))
        found.append((node_id, name))
    if found:
        return found
    run = ((node_id, registry.get(node.type)) for node_id, node in workflow.nodes.items())
    return [(node_id, "") for node_id, spec in run if spec is not None and spec.output_node]


def _output(workflow: Workflow, node_id: str, registry: Registry, name: str, taken: Mapping[str, str]) -> Field:
    node = workflow.nodes[node_id]
    wires = _given(workflow, node, registry)
    kind: Kind = "json"
    if wires & {"IMAGE", "MASK"}:
        kind = "image"
    elif wires & {"AUDIO", "VIDEO"}:
        kind = "file"
    elif len(wires) == 1:
        kind = _KINDS.get(next(iter(wires)), "json")
    if not name:
        name = {"image": "images", "file": "files"}.get(kind, "result")
        count = sum(re.fullmatch(rf"{name}\d*", other) is not None for other in taken)
        name += str(count + 1) if count else ""
    return Field(name, kind, node.title, rows=kind in ("image", "file"))


def _given(workflow: Workflow, node: WorkflowNode, registry: Registry) -> set[str]:
    """Return the types of what comes into a node."""
    found: set[str] = set()
    for value in node.inputs.values():
        source = workflow.nodes.get(value.node) if isinstance(value, Link) else None
        spec = registry.get(source.type) if source is not None else None
        if spec is not None and isinstance(value, Link) and value.slot < len(spec.outputs):
            found |= spec.outputs[value.slot].type.names
    return found


def _listed(workflow: Workflow) -> str:
    return f"Its nodes are: {', '.join(f'{node_id} ({node.type})' for node_id, node in workflow.nodes.items())[:500]}."
