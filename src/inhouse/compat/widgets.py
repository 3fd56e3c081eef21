"""Widgets: the values that a canvas saves for a node, and which input each belongs to.

The order is required inputs, then optional ones, as declared. Two extra widgets are saved and never sent: what to do
with a seed after each run, right after the seed, and an upload button, last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from inhouse.engine.sockets import MISSING

if TYPE_CHECKING:
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry
    from inhouse.engine.sockets import InputSpec

CONTROL = "control_after_generate"
CONTROL_WORDS = frozenset({"fixed", "increment", "decrement", "randomize"})
UPLOAD = "upload"
_UPLOADS = {"image_upload": "image", "video_upload": "image", "file_upload": "image", "audio_upload": ""}
_SEEDS = frozenset({"seed", "noise_seed"})
_EMPTY = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}


def widget_inputs(spec: NodeSpec, also: Sequence[str] = ()) -> list[InputSpec]:
    """Return the inputs that have a widget, in the order in which a canvas saves them.

    Args:
        spec: the node.
        also: names of inputs of other types that the file says have a widget.

    """
    shown = [item for item in spec.inputs.values() if item.is_widget or item.name in also]
    return sorted(shown, key=lambda item: not item.required)


def read_widgets(spec: NodeSpec, values: Sequence[Any] | Mapping[str, Any], also: Sequence[str]) -> dict[str, Any]:
    """Return the saved values by input name; widgets newer than the file are left out.

    Args:
        spec: the node.
        values: as saved, by position or by name.
        also: see ``widget_inputs``.

    """
    if isinstance(values, Mapping):
        return {item.name: values[item.name] for item in ordered(spec) if item.name in values}
    rest = deque(values)
    shown = widget_inputs(spec, also)
    return {item.name: take(item, rest, after) for item, after in zip_longest(shown, shown[1:]) if rest}


def take(item: InputSpec, values: deque[Any], after: InputSpec | None) -> Any:
    """Remove a widget's value from the front of saved ones, and what controls it, and return it.

    Args:
        item: the widget.
        values: what is left of the saved values, not empty.
        after: the widget that follows, which tells a control of the oldest files, true or false, from a value.

    """
    value = values.popleft()
    if values and has_control(item):
        control = values[0]
        old = isinstance(control, bool) and (after is None or "BOOLEAN" not in after.type.names)
        if old or (isinstance(control, str) and control in CONTROL_WORDS):
            values.popleft()
    return value


def write_widgets(spec: NodeSpec, inputs: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return what a canvas saves for a node, by widget name, in order; defaults where ``inputs`` has none."""
    written: dict[str, Any] = {}
    for item in widget_inputs(spec):
        written[item.name] = inputs[item.name] if item.name in inputs else default(item, registry)
        if has_control(item):
            written[CONTROL if CONTROL not in written else f"{CONTROL}_{item.name}"] = "fixed"
    for item in spec.inputs.values():
        for option, shown in _UPLOADS.items():
            if item.options.get(option):
                written[UPLOAD] = shown
    return written


def default(item: InputSpec, registry: Registry) -> Any:
    """Return what a canvas shows in a new widget."""
    if item.default is not MISSING and item.default is not None:
        return item.default
    if item.choices is not None:
        return next(iter(registry.choices(item.choices)), None)
    return next((_EMPTY[name] for name in sorted(item.type.names) if name in _EMPTY), None)


def has_control(item: InputSpec) -> bool:
    """Whether a widget that changes the value after each run follows this one."""
    return bool(item.options.get(CONTROL)) or (item.name in _SEEDS and "INT" in item.type.names)


def ordered(spec: NodeSpec) -> list[InputSpec]:
    """Return all inputs, required ones first."""
    return sorted(spec.inputs.values(), key=lambda item: not item.required)
