"""Contact sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

MARGIN, LINE, LETTERS = 4, 12, 21
RED, BLACK = (220, 0, 0), (0, 0, 0)


def write_sheet(
    path: Path, pictures: Tensor, captions: Sequence[str], wrong: Sequence[bool] = (), columns: int = 10
) -> None:
    """Write pictures (n, 3, side, side) in 0..1 in rows with their captions; wrong ones in a red frame."""
    side = pictures.shape[-1]
    wide, high = side + 2 * MARGIN, side + 2 * MARGIN + 2 * LINE
    sheet = Image.new("RGB", (wide * columns, high * -(-len(pictures) // columns)), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = i % columns * wide, i // columns * high
        pixels = (picture.permute(1, 2, 0).numpy().clip(0, 1) * 255 + 0.5).astype(np.uint8)
        if i < len(wrong) and wrong[i]:
            pen.rectangle((x, y, x + wide - 1, y + side + 2 * MARGIN - 1), fill=RED)
        sheet.paste(Image.fromarray(pixels), (x + MARGIN, y + MARGIN))
        for line in (0, 1):
            text = caption[line * LETTERS : (line + 1) * LETTERS]
            pen.text((x + MARGIN, y + side + 2 * MARGIN + line * LINE), text, BLACK)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
