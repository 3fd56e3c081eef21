"""Nodes that hold one value, for several others to use."""

from typing import Annotated

from inhouse import Range, Widget, node

_CATEGORY = "utils/primitive"
_BOUNDS = Range(-(2**63) + 1, 2**63 - 1)


@node("PrimitiveString", category=_CATEGORY, display_name="String")
def primitive_string(*, value: Annotated[str, Widget({"multiline": False})]) -> str:
    """Hold a line of text."""
    return value


@node("PrimitiveStringMultiline", category=_CATEGORY, display_name="String (Multiline)")
def primitive_string_multiline(*, value: Annotated[str, Widget({"multiline": True})]) -> str:
    """Hold a text."""
    return value


@node("PrimitiveInt", category=_CATEGORY, display_name="Int")
def primitive_int(*, value: Annotated[int, _BOUNDS, Widget({"control_after_generate": True})]) -> int:
    """Hold a whole number."""
    return value


@node("PrimitiveFloat", category=_CATEGORY, display_name="Float")
def primitive_float(*, value: Annotated[float, _BOUNDS]) -> float:
    """Hold a number."""
    return value


@node("PrimitiveBoolean", category=_CATEGORY, display_name="Boolean")
def primitive_boolean(*, value: bool) -> bool:
    """Hold true or false."""
    return value


NODES = (primitive_string, primitive_string_multiline, primitive_int, primitive_float, primitive_boolean)
