"""Names of the conversion wires. For a type checker they are the Python types, at run time the wire's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from inhouse.engine.markers import Wire

if TYPE_CHECKING:
    from inhouse.packs.conversion.model import Draft, SourceModel
else:
    SourceModel = Annotated[Any, Wire("MODEL_SOURCE")]
    """A model as it came."""
    Draft = Annotated[Any, Wire("MODEL_DRAFT")]
    """A model on its way."""

__all__ = ["Draft", "SourceModel"]
