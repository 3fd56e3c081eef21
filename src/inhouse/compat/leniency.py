"""Where custom nodes want less checked than they declare: what their own checks judge, and what their widgets give."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.engine.types import WireType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from inhouse.engine.node import NodeSpec
    from inhouse.engine.sockets import InputSpec

_LIST_OPTIONS = ("multiselect", "multi_select")


def is_open_ended(item: InputSpec, checked: Collection[str]) -> bool:
    """Whether an input takes other values than its choices: the node checks it itself, or it takes several at once.

    Args:
        item: the input.
        checked: the parameters of the node's own check; ``*`` stands for any.

    """
    return item.name in checked or "*" in checked or any(item.options.get(option) for option in _LIST_OPTIONS)


def left_to_check(item: InputSpec, checked: Collection[str]) -> InputSpec:
    """Return an input without the bounds and the type that the node's own check judges; else as ``is_open_ended``."""
    if (item.name in checked or "*" in checked) and item.range is not None:
        bounds = {key: getattr(item.range, key) for key in ("min", "max", "step", "round")}
        told = {key: value for key, value in bounds.items() if value is not None and abs(value) != float("inf")}
        item = replace(item, range=None, options=MappingProxyType({**item.options, **told}))
    if "input_types" in checked and not item.is_widget:
        item = replace(item, type=_or_any(item.type))
    return item


def take_literals(specs: Iterable[NodeSpec], others: Iterable[NodeSpec] = ()) -> list[NodeSpec]:
    """Return nodes whose inputs of types that no node gives take typed-in values: a pack's own widget gives them.

    Args:
        specs: the nodes.
        others: the nodes there are besides.

    """
    specs = list(specs)
    given = {name for spec in [*specs, *others] for output in spec.outputs for name in output.type.names}
    return [_taking_literals(spec, given) for spec in specs]


def _taking_literals(spec: NodeSpec, given: set[str]) -> NodeSpec:
    inputs = {
        name: item if item.is_widget or item.type.names <= given else replace(item, type=_or_any(item.type))
        for name, item in spec.inputs.items()
    }
    return replace(spec, inputs=MappingProxyType(inputs))


def _or_any(wire: WireType) -> WireType:
    return WireType.parse(f"{wire},*")
