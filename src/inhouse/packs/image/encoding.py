"""Encoding: tensors into the bytes of picture files, with the workflow that made them inside."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from inhouse.errors import NodeInputError, OutputError
from inhouse.packs.image.pixels import to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

_log = logging.getLogger(__name__)

_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_EXIF_MODEL = 0x0110
_EXIF_MAKE = 0x010F
_WEBP_SIDE = 16383
"""The longest side that a WebP file can have."""


def pictures(images: Tensor) -> list[Image.Image]:
    """Return a batch (B, H, W, C), 0 to 1, as 8-bit pictures.

    Raises:
        NodeInputError: the batch is empty, or has a number of channels that no picture has.

    """
    if images.shape[-1] not in _CHANNELS or not images.numel():
        raise NodeInputError(
            f"A batch of shape {tuple(images.shape)} is no picture.",
            hint="Give (batch, height, width, channels), none of them 0, and 1 to 4 channels.",
            input_name="images",
        )
    if not bool(images.isfinite().all()):
        _log.warning(
            "Some pixels are no numbers and are shown black: the model overflowed. Try float32 or a lower cfg."
        )
    arrays = to_bytes(images)
    return [Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array) for array in arrays]


def png(picture: Image.Image, documents: Mapping[str, Any], *, compress_level: int = 4) -> bytes:
    """Return a PNG file; each document stands in a tEXt chunk of its name, as JSON."""
    chunks = PngInfo()
    for name, document in documents.items():
        chunks.add_text(name, json.dumps(document))
    return _encoded(picture, format="PNG", pnginfo=chunks, compress_level=compress_level)


def animated_png(
    frames: Sequence[Image.Image], documents: Mapping[str, Any], *, fps: float, compress_level: int = 4
) -> bytes:
    """Return an animated PNG; documents stand in chunks ``comf``, each ``name NUL JSON``, after the pixels."""
    chunks = PngInfo()
    for name, document in documents.items():
        chunks.add(b"comf", name.encode("latin-1") + b"\0" + json.dumps(document).encode("latin-1"), after_idat=True)
    return _encoded(
        frames[0],
        format="PNG",
        pnginfo=chunks,
        compress_level=compress_level,
        save_all=True,
        duration=int(1000 / fps),
        append_images=frames[1:],
    )


def animated_webp(
    frames: Sequence[Image.Image],
    documents: Mapping[str, Any],
    *,
    fps: float,
    lossless: bool,
    quality: int,
    method: int,
) -> bytes:
    """Return an animated WebP file; documents stand in EXIF text fields, each ``name:JSON``.

    The prompt is the camera's model (0x0110), whatever else there is takes the tags below it.

    Args:
        frames: of one size, at most 16383 pixels a side.
        documents: what to store, by name.
        fps: frames a second.
        lossless: keep every pixel.
        quality: 0 to 100; of a lossless file the effort.
        method: 0, fastest, to 6, smallest.

    Raises:
        NodeInputError: the frames are too large for the format.

    """
    if max(frames[0].size) > _WEBP_SIDE:
        raise NodeInputError(
            f"WebP allows {_WEBP_SIDE} pixels a side; the pictures have {frames[0].width}x{frames[0].height}.",
            hint="Scale them down, or save them as PNG.",
            input_name="images",
        )
    exif = Image.Exif()
    tag = _EXIF_MAKE
    for name, document in documents.items():
        text = f"{name}:{json.dumps(document)}"
        if name == "prompt":
            exif[_EXIF_MODEL] = text
        else:
            exif[tag] = text
            tag -= 1
    return _encoded(
        frames[0],
        format="WEBP",
        save_all=True,
        duration=int(1000 / fps),
        append_images=frames[1:],
        exif=exif,
        lossless=lossless,
        quality=quality,
        method=method,
    )


def _encoded(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        picture.save(buffer, **options)
    except (OSError, ValueError) as error:
        raise OutputError(f"The picture cannot be encoded as {options['format']}: {error}.") from error
    return buffer.getvalue()
