"""Names of the wires that packs share. For a type checker they are the Python types, at run time the wire's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from inhouse.engine.markers import Wire

if TYPE_CHECKING:
    from torch import Tensor

    Image: TypeAlias = Tensor
    Mask: TypeAlias = Tensor
    Latent: TypeAlias = dict[str, Any]
else:
    Image = Annotated[Any, Wire("IMAGE")]
    """Pictures: (batch, height, width, channels), float32, 0 to 1."""
    Mask = Annotated[Any, Wire("MASK")]
    """Masks: (batch, height, width), float32, 0 to 1."""
    Latent = Annotated[Any, Wire("LATENT")]
    """Latents: a dict with ``samples`` (batch, channels, height / 8, width / 8) and what nodes add to it."""
