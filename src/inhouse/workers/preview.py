"""Previews: what a step has to show, as a small picture, and not more of them than an eye can follow."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inhouse.engine.events import NodeProgress, Picture

if TYPE_CHECKING:
    from PIL.Image import Image

_LOG = logging.getLogger(__name__)
_INTERVAL = 0.1
_QUALITY = 90
_ENLARGED = 8
"""A latent has a pixel for eight of the picture's."""


class Previews:
    """Gives the steps of one run their pictures.

    Args:
        size: the longest side of a picture, in pixels.
        wanted: whether anybody wants one now.

    """

    def __init__(self, size: int, wanted: Callable[[], bool]) -> None:
        self._size = size
        self._wanted = wanted
        self._last = float("-inf")

    def rendered(self, event: NodeProgress) -> NodeProgress:
        """Return the event with a picture, or without one where there was one a moment ago."""
        if event.preview is None or isinstance(event.preview, Picture):
            return event
        return replace(event, preview=self._picture(event.preview))

    def _picture(self, preview: Callable[[], Any]) -> Picture | None:
        now = time.monotonic()
        if now - self._last < _INTERVAL or not self._wanted():
            return None
        try:
            picture = encode(preview(), self._size)
        except Exception as error:  # noqa: BLE001 - a preview that fails is no reason to stop the run
            _LOG.warning("A preview could not be made: %s: %s", type(error).__name__, error)
            picture = None
        self._last = time.monotonic()
        return picture


def encode(pixels: Any, size: int) -> Picture:
    """Return pixels as a JPEG picture.

    Args:
        pixels: an (H, W, 3) uint8 array.
        size: the longest side may have this many pixels; a smaller picture is enlarged, at most eightfold.

    """
    from PIL import Image

    image = _fitted(Image.fromarray(pixels).convert("RGB"), size)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY)
    return Picture(data.getvalue(), "image/jpeg")


def _fitted(image: Image, size: int) -> Image:
    from PIL import Image as Images

    factor = min(_ENLARGED, max(1, size) / max(image.size))
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Images.Resampling.BILINEAR, reducing_gap=2.0)
