"""Pictures as the gateway shows them: previews, channels, and masks painted on a canvas.

A file is taken for hostile until it has been read: only formats that Pillow reads by itself, and none that unfolds to
more pixels than are fit to be shown.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from inhouse.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 178_956_970
"""Pixels of a picture; beyond this Pillow takes a file for a decompression bomb."""

_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "TGA", "ICO", "PPM")
"""Not all that Pillow can: PostScript, for one, it hands to another program."""

_QUALITY = 90


def preview(picture: Path | BinaryIO, wanted: str, *, channel: str) -> tuple[bytes, str]:
    """Return a picture as WebP or JPEG, and its media type.

    Args:
        picture: its file.
        wanted: ``jpeg`` or ``webp`` (as which every other word is taken), then maybe ``;`` and a quality of 1 to 100.
        channel: ``rgb`` leaves transparency out.

    Raises:
        ImageError: the file is no picture that can be read.

    """
    form, _, quality = wanted.partition(";")
    form = form if form == "jpeg" else "webp"
    with _opened(picture) as opened:
        opaque = form == "jpeg" or channel == "rgb" or not _has_alpha(opened)
        shown = opened.convert("RGB" if opaque else "RGBA")
    level = min(max(int(quality), 1), 100) if quality.isascii() and quality.isdigit() and len(quality) < 4 else _QUALITY
    return _saved(shown, form.upper(), quality=level), f"image/{form}"


def channel_png(path: Path, channel: str) -> bytes:
    """Return a PNG of a picture without its transparency (``rgb``), or of nothing but its transparency (``a``).

    Raises:
        ImageError: the file is no picture that can be read.

    """
    from PIL import Image

    with _opened(path) as picture:
        if channel == "rgb":
            return _saved(picture.convert("RGB"), "PNG")
        alpha = picture.convert("RGBA").getchannel("A") if _has_alpha(picture) else Image.new("L", picture.size, 255)
    shown = Image.new("RGBA", alpha.size)
    shown.putalpha(alpha)
    return _saved(shown, "PNG")


def with_alpha_of(original: Path, mask: BinaryIO) -> bytes:
    """Return a PNG of a picture with the transparency of another, and with the original's texts (its workflow).

    Raises:
        ImageError: one of the files is no picture that can be read, or they differ in size.

    """
    from PIL.PngImagePlugin import PngInfo

    with _opened(original) as picture, _opened(mask) as painted:
        if picture.size != painted.size:
            raise ImageError("The mask is not of the picture's size.")
        colors = picture.convert("RGBA")
        colors.putalpha(painted.convert("RGBA").getchannel("A"))
        texts = PngInfo()
        for name, value in picture.info.items():
            if isinstance(value, str):
                texts.add_text(str(name), value)
    return _saved(colors, "PNG", pnginfo=texts, compress_level=4)


@contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[Image]:
    """Open a picture and read it whole.

    Raises:
        ImageError: also in place of whatever Pillow raises on a file that is meant to break it.

    """
    from PIL import Image

    try:
        Image.init()  # else only the commonest formats are known
        with Image.open(source, formats=[name for name in _FORMATS if name in Image.OPEN]) as picture:
            _refuse_bomb(picture)
            picture.load()
            yield _in_eight_bits(picture)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError("The file is no picture that can be read.") from error


def _refuse_bomb(picture: Image) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError("The picture has too many pixels.")


def _in_eight_bits(picture: Image) -> Image:
    """Return a picture of 16-bit greys in 8 bits, which Pillow would cut off instead of scaling them."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")


def _has_alpha(picture: Image) -> bool:
    return picture.has_transparency_data


def _saved(picture: Image, form: str, **options: object) -> bytes:
    written = io.BytesIO()
    picture.save(written, form, **options)
    return written.getvalue()
