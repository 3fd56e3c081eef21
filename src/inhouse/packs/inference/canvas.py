"""Between a canvas's pictures, which are torch's, and NumPy's arrays: no replica needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from inhouse.errors import NodeInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


def to_image(array: NDArray[Any]) -> Tensor:
    """Return (rows, height, width[, channels]) as pictures of three channels, 0 to 1.

    Raises:
        NodeInputError: it has other axes.

    """
    pixels = array[..., None] if array.ndim == 3 else array
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3):
        raise NodeInputError(f"A tensor of shape {list(array.shape)} is no picture.", input_name="tensor")
    scaled = pixels.astype(np.float32) / (255 if pixels.dtype == np.uint8 else 1)
    shown = np.broadcast_to(np.clip(scaled, 0, 1), (*pixels.shape[:3], 3))
    return torch.from_numpy(np.ascontiguousarray(shown))


def to_tensor(image: Tensor) -> NDArray[np.float32]:
    """Return pictures as (rows, height, width, channels)."""
    array: NDArray[np.float32] = image.detach().cpu().numpy().astype(np.float32)
    return array
