"""Overlays: what a model found, in colour over a grey slice."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def resized(pixels: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Return (height, width) pixels, interpolated."""
    import numpy as np
    from PIL import Image

    if pixels.shape == (height, width):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def overlaid(grey: NDArray[np.float32], found: NDArray[np.float32], opacity: float = 0.5) -> bytes:
    """Return a PNG of a grey slice with a map over it, from blue for a little to red for much.

    Args:
        grey: (height, width), 0 to 1.
        found: (any height, any width), 0 to 1; where it is 0, nothing is drawn.
        opacity: of the map where it is 1.

    """
    import numpy as np
    from PIL import Image

    strength = np.clip(resized(found, *grey.shape), 0, 1)
    picture = np.repeat(grey[..., None], 3, axis=2)
    share = (strength * opacity)[..., None]
    mixed = picture * (1 - share) + _heat(strength) * share
    place = io.BytesIO()
    Image.fromarray((mixed * 255 + 0.5).astype(np.uint8)).save(place, "PNG", compress_level=1)
    return place.getvalue()


def _heat(strength: NDArray[np.float32]) -> NDArray[Any]:
    """Return colours, (height, width, 3): blue, green, yellow, red."""
    import numpy as np

    places = [0.0, 0.4, 0.7, 1.0]
    channels = ([0.1, 0.1, 1.0, 1.0], [0.3, 0.9, 0.9, 0.1], [1.0, 0.4, 0.1, 0.1])
    return np.stack([np.interp(strength, places, channel) for channel in channels], axis=-1)
