"""The text models of the families, and how to tell them when they come in a file of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.models.detection import Family
from inhouse.packs.diffusion.assembly import Encoder

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes

CLIP_L = Encoder("clip_l", activation="quick_gelu", default_layer=-1, pad_token=49407)
CLIP_H = Encoder("clip_h", activation="gelu", default_layer=-2, pad_token=0)


def _width(shapes: Shapes) -> int:
    """Return the width of a token; 0 where the file has no text model."""
    shape = shapes.get("text_model.embeddings.token_embedding.weight", ())
    return shape[1] if len(shape) == 2 else 0


ENCODERS = (
    Family("clip_l", "CLIP-L", lambda shapes: 0 < _width(shapes) <= 768, CLIP_L),
    Family("clip_h", "OpenCLIP-H", lambda shapes: _width(shapes) == 1024, CLIP_H),
)
"""Text models by the width of a token; what is narrower than CLIP-L is a smaller one of its kind."""
