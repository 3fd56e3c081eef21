"""The drawings: icon sets rendered to pictures, painted in other colours, placed on a background.

Pictures with an alpha channel are (height, width, 4) float32 in 0..1, colours multiplied by alpha.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from training.icons.concepts import COLOURS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.icons.concepts import Concept

    Array = NDArray[np.float32]

SIZE = 192
STYLES = ("flat", "glossy")
SETS = {"flat": "fluent-emoji-flat", "glossy": "noto"}
HUES = 36
MIN_PIXELS = 50
PAINTABLE_SHARE = 0.3


@dataclass(frozen=True)
class Tone:
    """A picture's main colour: hue, saturation, value in 0..1, and the share of the drawing that has it."""

    hue: float
    saturation: float
    value: float
    share: float


class IconSet:
    """One style's icons, from an npm package of the Iconify collection."""

    def __init__(self, packages: Path, style: str) -> None:
        data = json.loads((packages / "@iconify-json" / SETS[style] / "icons.json").read_text(encoding="utf-8"))
        self._icons = data["icons"]
        self._aliases = data.get("aliases", {})
        self._size = data.get("height", 16)

    def svg(self, key: str) -> str:
        """Return the icon as an SVG document of 192 pixels; KeyError if the set lacks it."""
        icon = self._icons.get(key) or self._icons[self._aliases[key]["parent"]]
        width, height = icon.get("width", self._size), icon.get("height", self._size)
        box = f"0 0 {width} {height}"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{SIZE}"'
        return f'{head} height="{SIZE}" viewBox="{box}">{icon["body"]}</svg>'

    def render(self, key: str) -> Array:
        """Draw the icon, 192x192."""
        import resvg_py

        picture = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=self.svg(key))))).convert("RGBA")
        pixels = np.asarray(picture, np.float32) / 255
        return np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], -1)


def rgb(code: str) -> Array:
    """Return ``#RRGGBB`` as three numbers in 0..1."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def to_hsv(colours: Array) -> tuple[Array, Array, Array]:
    """Return hue, saturation and value in 0..1 of (..., 3) colours."""
    top, low = colours.max(-1), colours.min(-1)
    span = top - low + 1e-8
    r, g, b = colours[..., 0], colours[..., 1], colours[..., 2]
    hue = np.where(top == r, ((g - b) / span) % 6, np.where(top == g, (b - r) / span + 2, (r - g) / span + 4)) / 6
    saturation = np.where(top > 0, span / (top + 1e-8), 0)
    return hue.astype(np.float32), saturation.astype(np.float32), top


def to_rgb(hue: Array, saturation: Array, value: Array) -> Array:
    """Invert :func:`to_hsv`."""
    offsets = np.array([5, 3, 1], np.float32)
    k = (offsets + hue[..., None] % 1 * 6) % 6
    fall = np.clip(np.minimum(k, 4 - k), 0, 1)
    colours: Array = (value[..., None] * (1 - saturation[..., None] * fall)).astype(np.float32)
    return colours


def distance(a: Array, b: float) -> Array:
    """Return how far hues are apart on the circle, 0..0.5."""
    gap = np.abs(a - b) % 1
    nearer: Array = np.minimum(gap, 1 - gap)
    return nearer


def straight(picture: Array) -> Array:
    """Return the colours not multiplied by alpha, (height, width, 3)."""
    colours: Array = np.clip(picture[..., :3] / np.maximum(picture[..., 3:], 1e-3), 0, 1)
    return colours


def main_tone(picture: Array) -> Tone | None:
    """Return the hue that most of the coloured pixels share, or None for a grey picture."""
    opaque = picture[..., 3] > 0.5
    hue, saturation, value = to_hsv(straight(picture))
    coloured = opaque & (saturation > 0.22) & (value > 0.2)
    if coloured.sum() < MIN_PIXELS:
        return None
    best = max((i / HUES for i in range(HUES)), key=lambda c: float((coloured & (distance(hue, c) < 0.06)).sum()))
    same = coloured & (distance(hue, best) < 0.085)
    middle = best + float(np.median((hue[same] - best + 0.5) % 1 - 0.5))
    share = float(same.sum() / opaque.sum())
    return Tone(middle % 1, float(np.median(saturation[same])), float(np.median(value[same])), share)


def paint(picture: Array, tone: Tone, colour: str) -> Array:
    """Return the picture with its main colour changed to a named one, light and shade kept."""
    hue, saturation, value = to_hsv(straight(picture))
    mask = (saturation > 0.15) & (value > 0.12) & (distance(hue, tone.hue) < 0.1)
    h, s, v = (float(part[0]) for part in to_hsv(rgb(COLOURS[colour])[None]))
    shift = (hue - tone.hue + 0.5) % 1 - 0.5
    painted = to_rgb(
        h + 0.3 * shift,
        np.clip(s * (saturation / tone.saturation) ** 0.8, 0, 1).astype(np.float32),
        np.clip(v * (value / tone.value), 0, 1).astype(np.float32),
    )
    result = picture.copy()
    result[mask, :3] = (painted * picture[..., 3:])[mask]
    return result


@dataclass(frozen=True)
class Drawing:
    """One picture of the training set: which concept, in which style, painted or not (``colour`` None)."""

    concept: int
    style: str
    colour: str | None
    picture: NDArray[np.uint8]


def draw_all(concepts: list[Concept], packages: Path) -> list[Drawing]:
    """Render every concept in every style and, where it may be painted and one hue dominates, in every colour."""
    sets = {style: IconSet(packages, style) for style in STYLES}
    drawings = []
    for index, concept in enumerate(concepts):
        for style, icons in sets.items():
            picture = icons.render(concept.key)
            drawings.append(Drawing(index, style, None, as_bytes(picture)))
            tone = main_tone(picture) if concept.paintable else None
            if tone is not None and tone.share >= PAINTABLE_SHARE:
                drawings += [
                    Drawing(index, style, colour, as_bytes(paint(picture, tone, colour))) for colour in COLOURS
                ]
    return drawings


def as_bytes(picture: Array) -> NDArray[np.uint8]:
    """Return the picture in 0..255."""
    return (picture * 255 + 0.5).astype(np.uint8)
