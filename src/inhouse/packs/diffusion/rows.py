"""Some rows of a tensor: how layers that one file keeps as one matrix are several in another arrangement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """Of ``count`` equal parts along the first axis those named, in their order.

    Attributes:
        parts: the parts' numbers, from 0.
        count: how many parts there are.

    """

    parts: tuple[int, ...] = (0,)
    count: int = 1

    @property
    def whole(self) -> bool:
        """Whether they are all rows, in their order."""
        return self.parts == tuple(range(self.count))

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of these rows of a tensor of that shape."""
        return shape if self.whole else (shape[0] // self.count * len(self.parts), *shape[1:])

    def of(self, tensor: Tensor) -> Tensor:
        """Return these rows: a view where they lie side by side, else a copy."""
        if self.whole:
            return tensor
        first, size = self.parts[0], tensor.shape[0] // self.count
        if self.parts == tuple(range(first, first + len(self.parts))):
            return tensor[first * size : (first + len(self.parts)) * size]
        import torch

        return torch.cat([tensor[part * size : (part + 1) * size] for part in self.parts])


WHOLE = Rows()
"""All rows."""
SWAPPED = Rows((1, 0), 2)
"""Both halves, the second first."""


def equal(count: int) -> tuple[Rows, ...]:
    """Return each of so many equal parts."""
    return tuple(Rows((part,), count) for part in range(count))
