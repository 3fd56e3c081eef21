"""Bypassed nodes: which input stands in for an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.engine.types import ANY, WireType

if TYPE_CHECKING:
    from inhouse.compat.canvas_file import CanvasNode, Slot


def stand_in(node: CanvasNode, slot: int, wanted: str) -> Slot | None:
    """Return the input of a bypassed node that its consumer gets instead of an output; None if none fits.

    That is the input at the same place if its type fits both, else the first of exactly the consumer's type, else the
    first that fits it.

    Args:
        node: the bypassed node.
        slot: which output.
        wanted: the type of the consumer's input.

    """
    inputs = node.inputs
    opposite = inputs[slot] if 0 <= slot < len(inputs) else None
    if wanted == str(ANY):
        return opposite or next(iter(inputs), None)
    given = node.outputs[slot].type if 0 <= slot < len(node.outputs) else str(ANY)
    if opposite and _fits(opposite.type, given) and _fits(opposite.type, wanted):
        return opposite
    exact = next((item for item in inputs if item.type == wanted), None)
    return exact or next((item for item in inputs if _fits(item.type, wanted)), None)


def _fits(one: str, other: str) -> bool:
    return WireType.parse(one).accepts(WireType.parse(other))
