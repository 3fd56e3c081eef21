"""Pictures into tensors, as image classifiers want them."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inhouse.errors import ImageError, NodeInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
MAX_PIXELS = 64_000_000
"""Of a picture; one of a few bytes may claim to have any number."""


def decode(file: bytes, channels: int) -> NDArray[np.uint8]:
    """Return a picture upright, as (height, width, channels).

    Raises:
        ImageError: it is none, is broken, or has more pixels than is safe.

    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the check below is stricter
            with Image.open(io.BytesIO(file)) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise ImageError(
                        f"A picture has {opened.width} x {opened.height} pixels; {MAX_PIXELS} are the most.",
                        hint="Make it smaller.",
                    )
                upright = ImageOps.exif_transpose(opened)
                pixels = np.asarray(upright.convert(_MODES[channels]))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"A picture cannot be read: {_said(error)}.", hint="Send PNG, JPEG or WebP.") from error
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def resize(picture: NDArray[np.uint8], size: int, crop: int, mode: str) -> NDArray[np.uint8]:
    """Return a picture whose shorter side was made ``size``, and of that the middle square of ``crop``.

    With a ``size`` of 0 the picture is stretched to the square instead.
    """
    grey = picture.shape[2] == 1
    image = Image.fromarray(picture[:, :, 0] if grey else picture)
    filter_ = Image.Resampling[mode.upper()]
    if size:
        scale = size / min(image.size)
        width, height = (max(crop, round(side * scale)) for side in image.size)
        if max(width, height) > 32 * max(size, crop):  # a strip of one pixel's height would fill the memory
            raise NodeInputError(f"A picture of {image.width} x {image.height} is too narrow.", input_name="images")
        left, top = (width - crop) // 2, (height - crop) // 2
        image = image.resize((width, height), filter_).crop((left, top, left + crop, top + crop))
    else:
        image = image.resize((crop, crop), filter_)
    pixels = np.asarray(image)
    return pixels[:, :, None] if grey else pixels


def scale(
    pictures: Sequence[NDArray[np.uint8]], mean: Sequence[float], std: Sequence[float], layout: str
) -> NDArray[np.float32]:
    """Return ``(pixels - mean) / std``, a value each a channel; (N, C, H, W) or (N, H, W, C), float32.

    Raises:
        NodeInputError: pictures are of several sizes, or there are not as many values as channels.

    """
    if len({picture.shape for picture in pictures}) > 1:
        raise NodeInputError("The pictures are of several sizes.", hint="Put ResizeImages before it.")
    stacked = np.stack(pictures)
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, stacked.shape[3]):
            raise NodeInputError(f"There are {len(values)} values for {stacked.shape[3]} channels.", input_name=name)
    if not all(std):
        raise NodeInputError("A deviation of 0 would divide by nothing.", input_name="std")
    centred: NDArray[np.float32] = stacked.astype(np.float32) - np.asarray(mean, np.float32)
    scaled: NDArray[np.float32] = np.divide(centred, np.asarray(std, np.float32), dtype=np.float32)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)) if layout == "NCHW" else scaled


def numbers(text: str, name: str) -> list[float]:
    """Return numbers that are written with commas between them.

    Raises:
        NodeInputError: one is none.

    """
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise NodeInputError(f"{text!r} is no list of numbers with commas between.", input_name=name) from error


def _said(error: Any) -> str:
    return "it is no picture" if isinstance(error, UnidentifiedImageError) else str(error)
