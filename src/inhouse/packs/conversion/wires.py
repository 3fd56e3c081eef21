"""Names of the conversion wires. For a type checker they are the Python types, at run time the wire's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from inhouse.engine.markers import Wire

if TYPE_CHECKING:
    from inhouse.packs.conversion import model

    Source: TypeAlias = model.SourceModel
    Draft: TypeAlias = model.Draft
else:
    Source = Annotated[Any, Wire("MODEL_SOURCE")]
    """A model as it came."""
    Draft = Annotated[Any, Wire("MODEL_DRAFT")]
    """A model on its way."""
