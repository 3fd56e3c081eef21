"""Windowing: from the modality's units to grey (DICOM PS3.3, C.11.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inhouse.packs.inference.dicom.reading import Slice


def window(slice_: Slice, center: float = 0, width: float = 0) -> NDArray[np.float32]:
    """Return a slice's pixels as grey, (height, width), float32, 0 black to 1 white.

    Args:
        slice_: the slice.
        center: of the window, in the modality's units.
        width: of it; 0 takes the window that the file names, else the whole range of its pixels.

    """
    import numpy as np

    pixels = slice_.pixels
    if width <= 0:
        center, width = _own(slice_) or _range(pixels)
    # PS3.3, C.11.2.1.2.1: the window's ends are half a unit inside of center +- width / 2.
    low = center - 0.5 - (width - 1) / 2
    grey: NDArray[np.float32] = np.clip((pixels - low) / max(width - 1, 1e-6), 0, 1).astype(np.float32)
    return 1 - grey if str(slice_.dataset.PhotometricInterpretation) == "MONOCHROME1" else grey


def _own(slice_: Slice) -> tuple[float, float] | None:
    """Return the file's first window, if it names one that can be used."""
    found = []
    for keyword in ("WindowCenter", "WindowWidth"):
        value = slice_.dataset.get(keyword)
        first = value[0] if isinstance(value, list | tuple) or (hasattr(value, "append") and value) else value
        try:
            found.append(float(first))
        except (TypeError, ValueError):
            return None
    return (found[0], found[1]) if found[1] >= 1 else None


def _range(pixels: NDArray[np.float32]) -> tuple[float, float]:
    low, high = float(pixels.min()), float(pixels.max())
    return (low + high + 1) / 2, max(high - low + 1, 2)
