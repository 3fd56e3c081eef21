"""Decoding: picture files into tensors. A file is taken for hostile until it has been read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from inhouse.errors import FileError, ImageError
from inhouse.files import is_file
from inhouse.packs.image.pixels import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

MAX_PIXELS = 178_956_970
"""Pixels of all frames of a file together; what Pillow itself takes for a decompression bomb (2 GiB as float32)."""

FORMATS = (
    "PNG",
    "JPEG",
    "MPO",
    "WEBP",
    "GIF",
    "BMP",
    "DIB",
    "TIFF",
    "AVIF",
    "TGA",
    "ICO",
    "PPM",
    "JPEG2000",
    "SGI",
    "PCX",
)
"""What is read; not all that Pillow can, for it hands PostScript to another program."""

_WITHOUT_MASK = 64
"""Side of the empty mask that goes with an opaque picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a file holds.

    Attributes:
        image: (frames, H, W, 3), 0 to 1.
        mask: (frames, H, W), 1 where the picture is transparent; (frames, 64, 64) of 0 if it is opaque.

    """

    image: Tensor
    mask: Tensor


def decode(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture as it is meant to be seen: turned as its EXIF data say; every frame of an animation.

    Frames of another size than the first one's (thumbnails in a TIFF) are left out. 16-bit and float pictures keep
    their precision.

    Args:
        path: the file.
        max_pixels: how many pixels all frames together may have.

    Raises:
        FileError: there is no such file.
        ImageError: it is corrupt, truncated, no picture, or larger than allowed.

    """
    if not is_file(path):
        raise _missing(path)
    try:
        Image.init()
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as opened:
            _refuse_bomb(path, opened, max_pixels)
            frames = list(_frames(opened))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            f"{path.name} is no picture of a known format.", hint=f"Known are {', '.join(FORMATS)}."
        ) from None
    except Exception as error:
        raise ImageError(
            f"{path.name} cannot be read as a picture: {error}.", hint="Export it again, as PNG for one."
        ) from error
    same = [(color, alpha) for color, alpha in frames if color.shape == frames[0][0].shape]
    image = torch.stack([color for color, _ in same])
    if any(alpha is not None for _, alpha in same):
        opaque = torch.ones(image.shape[1:3])
        mask = 1 - torch.stack([opaque if alpha is None else alpha for _, alpha in same])
    else:
        mask = torch.zeros(len(same), _WITHOUT_MASK, _WITHOUT_MASK)
    return Picture(image, mask)


def decode_channel(path: Path, channel: str) -> Tensor:
    """Return one channel as a mask (frames, H, W): ``red``, ``green``, ``blue``, or ``alpha``, which is inverted.

    Raises:
        FileError: there is no such file.
        ImageError: as ``decode``.

    """
    picture = decode(path)
    if channel == "alpha":
        return picture.mask
    return picture.image[..., ("red", "green", "blue").index(channel)].clone()


def _frames(opened: Image.Image) -> Iterator[tuple[Tensor, Tensor | None]]:
    if opened.format == "MPO":  # a photograph and what the camera stored besides, no animation
        yield _tensors(ImageOps.exif_transpose(opened))
        return
    for frame in ImageSequence.Iterator(opened):
        yield _tensors(ImageOps.exif_transpose(frame))


def _tensors(frame: Image.Image) -> tuple[Tensor, Tensor | None]:
    """Return colours (H, W, 3) and alpha (H, W), None if opaque."""
    if frame.mode.startswith(("I", "F")):
        grey = np.asarray(frame).astype(np.float32)
        grey = np.clip(grey / 65535 if frame.mode.startswith("I") else grey, 0, 1)
        return torch.from_numpy(grey).unsqueeze(-1).repeat(1, 1, 3), None
    if frame.has_transparency_data:
        pixels = from_bytes(frame.convert("RGBA"))
        return pixels[..., :3], pixels[..., 3]
    return from_bytes(frame.convert("RGB")), None


def _refuse_bomb(path: Path, opened: Image.Image, max_pixels: int) -> None:
    frames = getattr(opened, "n_frames", 1)
    pixels = opened.width * opened.height * frames
    if pixels > max_pixels:
        declared = f"{opened.width}x{opened.height} pixels" + (f" in {frames} frames" if frames > 1 else "")
        raise ImageError(
            f"{path.name} declares {declared}; the limit is {max_pixels:,} pixels in all.",
            hint="Scale it down, or split it.",
        )


def _missing(path: Path) -> FileError:
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, 3, 0.5)
    hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else "Upload it, or copy it into the folder."
    return FileError(f"There is no picture {path.name!r}.", hint=hint)
