"""Where, when and how strongly each entry of a conditioning counts, worked out for one latent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from inhouse.packs.diffusion.resizing import fade, resize_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.prediction import Prediction

FEATHER = 8
"""Latent pixels over which the inner borders of an area fade, and at most a quarter of the area."""

SMALLEST = 8
"""Latent pixels along one side of the smallest picture that networks were made for."""


class Window(NamedTuple):
    """A rectangle of a latent, in latent pixels."""

    y: int
    x: int
    height: int
    width: int

    def crop(self, latent: Tensor) -> Tensor:
        """Return the part of a latent (..., height, width) inside, as a view."""
        return latent[..., self.y : self.y + self.height, self.x : self.x + self.width]

    def holds(self, other: Window) -> bool:
        """Whether another rectangle lies within this one."""
        return (
            self.y <= other.y
            and self.x <= other.x
            and other.y + other.height <= self.y + self.height
            and other.x + other.width <= self.x + self.width
        )


@dataclass(frozen=True)
class Region:
    """One entry of a conditioning, ready for a latent.

    Attributes:
        vectors: (1 or batch, tokens, width).
        options: the entry's options, as they came.
        window: what the network sees of the latent.
        weight: the entry's weight in the average, () or (1 or batch, 1, window.height, window.width).
        first_sigma: the highest noise level at which the entry counts.
        last_sigma: the lowest.
        negative: whether it says what the picture does not show.
        beside: what the network sees beside the noisy latent, (batch, channels, height, width) of the whole latent.
        told: what it is told beside the text, as ``DiffusionModel.conditioner`` says.

    """

    vectors: Tensor
    options: Mapping[str, Any]
    window: Window
    weight: Tensor
    first_sigma: float
    last_sigma: float
    negative: bool = False
    beside: Tensor | None = None
    told: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether the entry counts alike all over the latent."""
        return self.weight.ndim == 0 and bool(self.weight > 0)

    def counts_at(self, sigma: float) -> bool:
        """Whether the entry counts at this noise level."""
        return self.last_sigma <= sigma <= self.first_sigma


def regions(sides: Sequence[Conditioning], latent: Tensor, prediction: Prediction) -> list[list[Region]]:
    """Work out the entries of all sides of guidance for a latent (batch, channels, height, width).

    Entries whose area lies outside the latent are left out. Guidance compares predictions of one crop, so a window that
    only another side has is added to a side, under its entry with the narrowest window around it.

    Args:
        sides: the first says what the picture shows; the others are negative.
        latent: what is sampled.
        prediction: the model's noise levels.

    """
    found = [
        [region for vectors, options in side if (region := _region(vectors, options, latent, prediction))]
        for side in sides
    ]
    completed = []
    for place, side in enumerate(found):
        others = [region for other in found if other is not side for region in other]
        added = [_narrowed(entry, window, latent, prediction) for window, entry in _missing(side, others)]
        completed.append([replace(region, negative=place > 0) for region in (*side, *added)])
    return completed


def _missing(side: list[Region], others: list[Region]) -> list[tuple[Window, Region]]:
    """Return the windows that only other sides have, each with the entry of this side to look through it."""
    known = {region.window for region in side}
    windows = dict.fromkeys(region.window for region in others if region.window not in known)
    found = []
    for window in windows:
        around = [region for region in side if region.window.holds(window)]
        if around:
            found.append((window, min(around, key=lambda region: region.window.height * region.window.width)))
    return found


def _narrowed(entry: Region, window: Window, latent: Tensor, prediction: Prediction) -> Region:
    """Return an entry as seen through a narrower window."""
    area = (window.height, window.width, window.y, window.x)
    narrowed = _region(entry.vectors, {**entry.options, "area": area, "set_area_to_bounds": False}, latent, prediction)
    assert narrowed is not None
    return narrowed


def _region(vectors: Tensor, options: Mapping[str, Any], latent: Tensor, prediction: Prediction) -> Region | None:
    import torch

    height, width = latent.shape[-2:]
    mask = options.get("mask")
    if mask is not None:
        mask = resize_mask(mask.to(latent), width, height) * options.get("mask_strength", 1.0)
    window = _window(options, mask, height, width)
    if window is None:
        return None
    weight = torch.as_tensor(options.get("strength", 1.0), dtype=latent.dtype, device=latent.device)
    if mask is not None:
        weight = weight * window.crop(mask)
    elif options.get("area") is not None:
        weight = weight * _feather(window, height, width).to(latent)
    return Region(
        vectors=vectors.to(latent.device),
        options=options,
        window=window,
        weight=weight,
        first_sigma=prediction.percent_to_sigma(options.get("start_percent", 0.0)),
        last_sigma=prediction.percent_to_sigma(options.get("end_percent", 1.0)),
    )


def _window(options: Mapping[str, Any], mask: Tensor | None, height: int, width: int) -> Window | None:
    area = options.get("area")
    if mask is not None and options.get("set_area_to_bounds"):
        return _bounds(mask)
    if area is None:
        return Window(0, 0, height, width)
    if area[0] == "percentage":
        area = _shares(area[1:], (height, width))
    rows, columns, y, x = area
    if y >= height or x >= width:
        return None
    return Window(y, x, min(rows, height - y), min(columns, width - x))


def _shares(area: Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Turn (height, width, y, x) in shares of a latent into latent pixels."""
    rows, columns = (max(1, round(share * side)) for share, side in zip(area[:2], size, strict=True))
    y, x = (round(share * side) for share, side in zip(area[2:], size, strict=True))
    return rows, columns, y, x


def _bounds(mask: Tensor) -> Window | None:
    """Return the rectangle around everything that a mask (batch, 1, height, width) lets through."""
    covered = (mask > 0).any(dim=0)[0]
    if not bool(covered.any()):
        return None
    (y, rows), (x, columns) = (_span(covered.any(dim=side)) for side in (1, 0))
    return Window(y, x, rows, columns)


def _span(covered: Tensor) -> tuple[int, int]:
    """Return start and length of the shortest run, no shorter than the smallest area, that holds all that is true."""
    places = covered.nonzero().flatten()
    start, end = int(places[0]), int(places[-1]) + 1
    length = min(max(end - start, SMALLEST), len(covered))
    return min(start, len(covered) - length), length


def _feather(window: Window, height: int, width: int) -> Tensor:
    """Return weights (1, 1, window.height, window.width) that fade towards borders inside the latent."""
    over_rows, over_columns = (min(FEATHER, side // 4) for side in window[2:])
    rows = fade(window.height, over_rows, before=window.y > 0, after=window.y + window.height < height)
    columns = fade(window.width, over_columns, before=window.x > 0, after=window.x + window.width < width)
    return (rows[:, None] * columns)[None, None]
