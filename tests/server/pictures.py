"""Pictures for tests."""

from __future__ import annotations

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo


def picture(
    mode: str = "RGBA",
    size: tuple[int, int] = (4, 4),
    color: tuple[int, ...] = (255, 0, 0, 77),
    *,
    form: str = "PNG",
    text: str = "",
) -> bytes:
    """Return a small picture, maybe with a workflow in it."""
    written, chunks = io.BytesIO(), PngInfo()
    if text:
        chunks.add_text("workflow", text)
    Image.new(mode, size, color[: len(mode)]).save(written, form, **({"pnginfo": chunks} if form == "PNG" else {}))
    return written.getvalue()
