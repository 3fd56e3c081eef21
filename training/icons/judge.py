"""Telling what a picture shows, by the nearest of all drawings; no trained classifier, so nothing to overfit.

A picture's background is the median of its border. What differs from it is cut out, squared and shrunk to 24x24, and
compared (by the angle between them) with every drawing, put on the same background and cut out in the same way. Parts
that are nearly as light as the background (a padlock's shackle) make one cut-out larger than the other, so that the
picture's is taken a little larger, smaller and aside as well, and the best fit counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from training.icons.concepts import BACKGROUNDS
from training.icons.scenes import COUNT_SCALE, PLACES, SIZES

if TYPE_CHECKING:
    from torch import Tensor

    from training.icons.scenes import Bank

SIDE = 64
CROP = 24
ZOOMS = (0.85, 1.0, 1.15, 1.3)
ASIDE = (-0.12, 0.0, 0.12)
THRESHOLD = 0.2
"""What differs less from the background is the decoder's halo, not the drawing.

Found on training pictures that went through encoder and decoder: of 160, 94 % were judged right at 0.1, 97 % at 0.15,
98 % at 0.2 and at 0.25, before the best of several fits counted; with that, all at 0.2.
"""


@dataclass(frozen=True)
class Verdict:
    """What a picture looks like most: concept, colour painted in (None if in its own), count; and its background."""

    concept: int
    colours: dict[int, str | None]
    count: int
    background: str


def border(picture: Tensor) -> Tensor:
    """Return the median colour (3,) of a picture's outermost rows and columns."""
    rim = torch.cat(
        [
            picture[:, :2].flatten(1),
            picture[:, -2:].flatten(1),
            picture[:, :, :2].flatten(1),
            picture[:, :, -2:].flatten(1),
        ],
        1,
    )
    return rim.median(1).values


def cut_out(pictures: Tensor, ground: Tensor, zoom: float = 1.0, aside: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Return what differs from the background, squared and shrunk: (batch, 3, 24, 24).

    Args:
        pictures: (batch, 3, height, width) in 0..1.
        ground: the background's colour, (3,).
        zoom: how large the square is, 1 being as large as what differs.
        aside: how far the square is moved to the right and down, in halves of its side.

    """
    n, _, height, width = pictures.shape
    mask = (pictures - ground[None, :, None, None]).abs().amax(1) > THRESHOLD
    boxes = []
    for axis, size in ((1, width), (2, height)):
        line = mask.any(axis).float()
        first = line.argmax(1)
        last = size - 1 - line.flip(1).argmax(1)
        boxes.append(((first + last + 1) / size - 1, (last - first + 1) / size))
    (x, w), (y, h) = boxes
    half = torch.maximum(w, h) * zoom
    x, y = x + half * aside[0], y + half * aside[1]
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, 0, 2], matrix[:, 1, 2] = half, half, x, y
    grid = functional.affine_grid(matrix, [n, 3, CROP * 2, CROP * 2], align_corners=False)
    return functional.avg_pool2d(
        functional.grid_sample(pictures - ground[None, :, None, None], grid, align_corners=False), 2
    )


class Judge:
    """Compares pictures with every drawing of some styles, in a given number of copies."""

    def __init__(self, bank: Bank, styles: tuple[str, ...]) -> None:
        self.labels = [label for label in bank.index if label[1] in styles]
        rows = [bank.index[label] for label in self.labels]
        small = [functional.avg_pool2d(bank.pictures[row].permute(2, 0, 1)[None].float() / 255, 3) for row in rows]
        self.drawings = torch.cat(small)
        self._copies: dict[int, Tensor] = {1: self.drawings}

    def copies(self, count: int) -> Tensor:
        """Return the drawings in so many copies, (drawings, 4, 64, 64)."""
        if count not in self._copies:
            canvas = torch.zeros_like(self.drawings)
            for x, y in PLACES[count]:
                scale = 1 / (COUNT_SCALE[count] * SIZES[0])
                matrix = torch.tensor([[scale, 0, -2 * x * scale], [0, scale, -2 * y * scale]])
                grid = functional.affine_grid(matrix.expand(len(canvas), 2, 3), list(canvas.shape), align_corners=False)
                copy = functional.grid_sample(self.drawings, grid, align_corners=False)
                canvas = copy + canvas * (1 - copy[:, 3:])
            self._copies[count] = canvas
        return self._copies[count]

    @torch.no_grad()
    def judge(self, picture: Tensor, count: int = 1) -> Verdict:
        """Judge a (3, 128, 128) picture in 0..1; ``count`` copies are compared as well as one."""
        small = functional.avg_pool2d(picture[None], picture.shape[-1] // SIDE)
        ground = border(small[0])
        seen = torch.cat([cut_out(small, ground, zoom, (x, y)) for zoom in ZOOMS for x in ASIDE for y in ASIDE])
        looks = functional.normalize(seen.flatten(1), dim=1)
        gaps = []
        for copies in sorted({1, count}):
            drawings = self.copies(copies)
            cuts = cut_out(drawings[:, :3] + ground[None, :, None, None] * (1 - drawings[:, 3:]), ground)
            gaps.append(1 - (functional.normalize(cuts.flatten(1), dim=1) @ looks.T).amax(1))
        single = torch.stack(gaps).amin(0)
        best = int(single.argmin())
        concept = self.labels[best][0]
        colours: dict[int, str | None] = {}
        for place in single.argsort(descending=True).tolist():
            colours[self.labels[place][0]] = self.labels[place][2]
        named = {
            name: torch.tensor([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
            for name, code in BACKGROUNDS.items()
        }
        background = min(named, key=lambda name: float((named[name] - ground).abs().sum()))
        counted = sorted({1, count})[int(torch.stack(gaps)[:, best].argmin())]
        return Verdict(concept, colours, counted, background)
