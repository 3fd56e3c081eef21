"""The text models of the families, and how to tell them when they come in a file of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.models.detection import Family
from inhouse.packs.diffusion.assembly import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from inhouse.models.detection import Shapes

CLIP_L = Encoder("clip_l", activation="quick_gelu", default_layer=-1, pad_token=49407)
CLIP_H = Encoder("clip_h", activation="gelu", default_layer=-2, pad_token=0)


def _of_width(width: int) -> Callable[[Shapes], bool]:
    def matches(shapes: Shapes) -> bool:
        return shapes.get("text_model.embeddings.token_embedding.weight", ())[1:] == (width,)

    return matches


ENCODERS = (
    Family("clip_l", "CLIP-L", _of_width(768), CLIP_L),
    Family("clip_h", "OpenCLIP-H", _of_width(1024), CLIP_H),
)
"""Text models by the width of a token."""
