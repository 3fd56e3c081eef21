"""``object_info``: the description of a node that ComfyUI's frontend and clients read, written and read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.engine.markers import Choices, Range
from inhouse.engine.node import NodeSpec
from inhouse.engine.sockets import MISSING, InputSpec, OutputSpec
from inhouse.engine.types import WILDCARD, WireType
from inhouse.errors import NodeExecutionError

if TYPE_CHECKING:
    from inhouse.engine.registry import Registry

FLAGS = ("deprecated", "experimental", "api_node")
"""What a new-style node always says and an old-style one only if it is so."""
_WITHOUT_MEANING = float("inf")


def object_info(spec: NodeSpec, registry: Registry) -> dict[str, Any]:
    """Return the description of a node.

    Args:
        spec: the node.
        registry: asked for the choices there are now.

    """
    sections = {
        "required": [item for item in spec.inputs.values() if item.required],
        "optional": [item for item in spec.inputs.values() if not item.required],
    }
    modern = "api_node" in spec.flags
    inputs: dict[str, Any] = {
        section: {item.name: _write_input(item, registry, modern=modern) for item in items}
        for section, items in sections.items()
        if items or section == "required"
    }
    if spec.hidden:
        inputs["hidden"] = {name: [kind] if modern else kind for name, kind in spec.hidden.items()}
    entry: dict[str, Any] = {
        "input": inputs,
        "input_order": {section: list(items) for section, items in inputs.items()},
        "output": [type_name(output.type) for output in spec.outputs],
        "output_is_list": [output.is_list for output in spec.outputs],
        "output_name": [output.name for output in spec.outputs],
        "name": spec.id,
        "display_name": spec.display_name or spec.id,
        "description": spec.description,
        "python_module": spec.flags.get("python_module") or (f"inhouse.{spec.pack}" if spec.pack else "nodes"),
        "category": spec.category,
        "output_node": spec.output_node,
    }
    if any(output.tooltip for output in spec.outputs):
        entry["output_tooltips"] = [output.tooltip for output in spec.outputs]
    entry.update({flag: spec.flags[flag] for flag in FLAGS if flag in spec.flags})
    return entry


def spec_from_object_info(node_id: str, entry: Mapping[str, Any]) -> NodeSpec:
    """Return a description as a node that can be validated, drawn and converted, and fails when it runs.

    Args:
        node_id: the node's id.
        entry: what a server answered for it.

    """

    def function(**_inputs: Any) -> None:
        raise NodeExecutionError(
            f"Node {node_id} is known only by its description.", hint="Install the pack that has it."
        )

    sections = entry.get("input", {})
    declared = (
        (name, given, section == "required")
        for section in ("required", "optional")
        for name, given in sections.get(section, {}).items()
    )
    hidden = {
        name: str(kind[0] if isinstance(kind, list | tuple) else kind)
        for name, kind in sections.get("hidden", {}).items()
    }
    types = entry.get("output", ())
    return NodeSpec(
        id=node_id,
        function=function,
        inputs=MappingProxyType({n: read_input(n, given, required=needed) for n, given, needed in declared}),
        outputs=read_outputs(
            types, entry.get("output_name"), entry.get("output_is_list"), entry.get("output_tooltips")
        ),
        category=entry.get("category") or "",
        display_name=entry.get("display_name") or node_id,
        description=entry.get("description") or "",
        output_node=bool(entry.get("output_node")),
        hidden=MappingProxyType(hidden),
        flags=MappingProxyType({key: entry[key] for key in (*FLAGS, "python_module") if key in entry}),
    )


def read_input(name: str, given: Any, *, required: bool, choices: Choices | None = None) -> InputSpec:
    """Return an input from its description: ``[type]`` or ``[type, options]``, where a list as type is its choices.

    Args:
        name: the input's name.
        given: the description.
        required: whether a workflow must give it.
        choices: asked instead of the described choices.

    """
    kind, options = (given, {}) if isinstance(given, str) else (given[0], given[1] if len(given) > 1 else {})
    options = dict(options or {})
    listed = options.pop("options", None)
    if isinstance(kind, list | tuple):
        kind, listed = "COMBO", kind
    limits = [options.pop(key, None) for key in ("min", "max", "step", "round")]
    has_range = any(limit is not None for limit in limits)
    default = options.pop("default", MISSING)
    if listed is not None and choices is None:
        choices = Choices(tuple(listed))
    return InputSpec(
        name=name,
        type=WireType.parse(str(kind)),
        required=required,
        default=default,
        range=_read_range(*limits) if has_range else None,
        choices=choices if str(kind) == "COMBO" else None,
        lazy=bool(options.pop("lazy", False)),
        raw_link=bool(options.pop("rawLink", False)),
        options=MappingProxyType(options),
    )


def read_outputs(types: Any, names: Any = None, lists: Any = None, tooltips: Any = None) -> tuple[OutputSpec, ...]:
    """Return outputs from parallel lists, of which all but the first may be shorter or missing."""
    outputs = []
    for place, kind in enumerate(types or ()):
        wire = WireType.parse("COMBO" if isinstance(kind, list | tuple) else str(kind))
        name = str(names[place]) if names and place < len(names) else str(wire)
        is_list = bool(lists[place]) if lists and place < len(lists) else False
        tooltip = str(tooltips[place] or "") if tooltips and place < len(tooltips) else ""
        outputs.append(OutputSpec(name, wire, is_list, tooltip))
    return tuple(outputs)


def input_config(item: InputSpec, registry: Registry) -> list[Any]:
    """Return the description of one input: its type, or for an old-style one the list of its choices, and options."""
    return [*_write_input(item, registry, modern=False), {}][:2]


def type_name(wire: WireType) -> str:
    """Return the name of a type on the wire; a union that fits everything goes by its other names."""
    names = sorted(wire.names - {WILDCARD}) or [WILDCARD]
    return ",".join(names)


def _write_input(item: InputSpec, registry: Registry, *, modern: bool) -> list[Any]:
    options: dict[str, Any] = {}
    if item.default is not MISSING and not (item.default is None and not item.is_widget):
        options["default"] = item.default
    if item.range is not None:
        bounds = {"min": item.range.min, "max": item.range.max, "step": item.range.step, "round": item.range.round}
        options.update({k: v for k, v in bounds.items() if v is not None and abs(v) != _WITHOUT_MEANING})
    options.update(item.options)
    if item.lazy:
        options["lazy"] = True
    if item.raw_link:
        options["rawLink"] = True
    kind: Any = type_name(item.type)
    if item.choices is not None:
        choices = list(registry.choices(item.choices))
        if modern:
            options["options"] = choices
        else:
            kind = choices
    return [kind, options] if options or modern else [kind]


def _read_range(low: Any, high: Any, step: Any, rounded: Any) -> Range:
    return Range(-_WITHOUT_MEANING if low is None else low, _WITHOUT_MEANING if high is None else high, step, rounded)
