"""Work on a picture piece by piece and blend the pieces, for pictures that are too large to be worked on at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture is cut. All sizes are in the coarser of input and output: latent positions.

    Attributes:
        size: of a tile, along each side.
        overlap: of neighbouring tiles; at most half of ``size`` is used.
        input_scale: input pixels a position, along each side.
        output_scale: output pixels a position, along each side.

    """

    size: int
    overlap: int
    input_scale: int = 1
    output_scale: int = 1

    def starts(self, length: int) -> list[int]:
        """Return where the tiles of a side of this length begin; the last ends where the side ends."""
        if length <= self.size:
            return [0]
        stride = self.size - min(self.overlap, self.size // 2)
        return [*range(0, length - self.size, stride), length - self.size]

    def _windows(self, length: int) -> Iterator[tuple[int, Tensor]]:
        """Yield each tile's start and its weights along one side, in output pixels: ramps where it meets another."""
        starts = self.starts(length)
        for index, start in enumerate(starts):
            size = min(self.size, length)
            weights = torch.ones(size * self.output_scale)
            if index:
                shared = (starts[index - 1] + size - start) * self.output_scale
                weights[:shared] *= (torch.arange(shared) + 0.5) / shared
            if index + 1 < len(starts):
                shared = (start + size - starts[index + 1]) * self.output_scale
                weights[len(weights) - shared :] *= ((torch.arange(shared) + 0.5) / shared).flip(0)
            yield start, weights

    def run(self, function: Callable[[Tensor], Tensor], picture: Tensor) -> Tensor:
        """Return ``function(picture)``, computed tile by tile.

        Args:
            function: (batch, channels, height, width) -> the same at another scale.
            picture: height and width are multiples of ``input_scale``.

        """
        height, width = (length // self.input_scale for length in picture.shape[-2:])
        total, weight = torch.zeros(()), torch.zeros(height * self.output_scale, width * self.output_scale)
        for top, rows in self._windows(height):
            for left, columns in self._windows(width):
                tile = function(self._cut(picture, top, left))
                if not total.ndim:
                    total = tile.new_zeros((*tile.shape[:2], *weight.shape))
                window = rows[:, None] * columns
                place = (..., self._span(top, len(rows)), self._span(left, len(columns)))
                total[place] += tile * window.to(tile)
                weight[place] += window
        return total / weight.to(total)

    def _cut(self, picture: Tensor, top: int, left: int) -> Tensor:
        scale, size = self.input_scale, self.size * self.input_scale
        return picture[..., top * scale : top * scale + size, left * scale : left * scale + size]

    def _span(self, start: int, length: int) -> slice:
        return slice(start * self.output_scale, start * self.output_scale + length)
