"""Conditioning: text vectors, and where, when and how strongly they steer a network.

A conditioning is a list of entries ``[vectors, options]``: vectors of shape (1 or batch, tokens, width), options a
mapping. Each entry is a prediction of its own; the predictions are averaged by their strengths. The functions here
return new lists and leave their arguments alone.

Options that this pack reads:

=====================  ===============================================================================================
``pooled_output``      (1, width): the text as one vector
``area``               (height, width, y, x) in latent pixels, or ("percentage", height, width, y, x) in shares of 0..1
``strength``           weight in the average, 1 by default
``mask``               (batch, height, width), 0..1 in image pixels: where the entry counts
``mask_strength``      factor on the mask, 1 by default
``set_area_to_bounds`` whether the network sees only the mask's bounding box
``start_percent``      from which share of the sampling on the entry counts, 0 by default
``end_percent``        up to which share, 1 by default
=====================  ===============================================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from inhouse.errors import NodeInputError

if TYPE_CHECKING:
    from torch import Tensor

Conditioning: TypeAlias = "Sequence[Sequence[Any]]"
"""Entries of (vectors, options). Entries come as lists or tuples; unpack them, never index options by place."""

PIXELS_PER_LATENT = 8
"""Image pixels along one side of a latent pixel, in which areas are given."""

_log = logging.getLogger(__name__)


def set_values(conditioning: Conditioning, **values: object) -> Conditioning:
    """Return the conditioning with options set on every entry."""
    return [[vectors, {**options, **values}] for vectors, options in conditioning]


def combine(first: Conditioning, second: Conditioning) -> Conditioning:
    """Return the entries of both: the network predicts under each, and the predictions are averaged."""
    return [*first, *second]


def concat(to: Conditioning, source: Conditioning) -> Conditioning:
    """Append the tokens of ``source`` to each entry of ``to``, whose options stay.

    Only the first entry of ``source`` can be appended; a warning in the log says so when there are more.

    Raises:
        NodeInputError: ``source`` is empty, or its vectors have another width.

    """
    import torch

    tail = _only(source, "conditioning_from")[0]
    for vectors, _ in to:
        if vectors.shape[-1] != tail.shape[-1]:
            raise NodeInputError(
                f"Conditionings {vectors.shape[-1]} and {tail.shape[-1]} wide cannot be joined:"
                " they come from text encoders of different models.",
                input_name="conditioning_from",
            )
    return [[torch.cat(_alike([vectors, tail]), dim=1), dict(options)] for vectors, options in to]


def average(to: Conditioning, source: Conditioning, to_strength: float) -> Conditioning:
    """Mix each entry of ``to`` with the first entry of ``source``: ``to * s + source * (1 - s)``.

    ``source`` is cut to the length of the entry, or filled with zeros. The pooled outputs are mixed too; an entry
    without one takes that of ``source``. The other options of ``to`` stay.

    Args:
        to: the entries that stay.
        source: what is mixed in.
        to_strength: share of ``to``, 0..1.

    Raises:
        NodeInputError: ``source`` is empty, or its vectors have another width.

    """
    other, other_options = _only(source, "conditioning_from")
    other_pooled = other_options.get("pooled_output")
    mixed: list[list[Any]] = []
    for vectors, options in to:
        if vectors.shape[-1] != other.shape[-1]:
            raise NodeInputError(
                f"Conditionings {vectors.shape[-1]} and {other.shape[-1]} wide cannot be averaged:"
                " they come from text encoders of different models.",
                input_name="conditioning_from",
            )
        changed = dict(options)
        pooled = options.get("pooled_output")
        if pooled is None:
            pooled = other_pooled
        elif other_pooled is not None:
            pooled = _mix(pooled, other_pooled, to_strength)
        if pooled is not None:
            changed["pooled_output"] = pooled
        mixed.append([_mix(vectors, _fitted(other, vectors.shape[1]), to_strength), changed])
    return mixed


def zero_out(conditioning: Conditioning) -> Conditioning:
    """Replace the vectors and the pooled output of every entry by zeros."""
    import torch

    zeroed: list[list[Any]] = []
    for vectors, options in conditioning:
        changed = dict(options)
        if changed.get("pooled_output") is not None:
            changed["pooled_output"] = torch.zeros_like(changed["pooled_output"])
        zeroed.append([torch.zeros_like(vectors), changed])
    return zeroed


def set_area(
    conditioning: Conditioning, *, width: int, height: int, x: int, y: int, strength: float = 1.0
) -> Conditioning:
    """Limit every entry to a rectangle, in image pixels; its inner borders fade.

    Args:
        conditioning: what is limited.
        width: of the rectangle, 64 or more.
        height: of the rectangle, 64 or more.
        x: its left edge.
        y: its upper edge.
        strength: weight of the entry in the average, 0..10.

    """
    area = tuple(side // PIXELS_PER_LATENT for side in (height, width, y, x))
    return set_values(conditioning, area=area, strength=strength, set_area_to_bounds=False)


def set_area_percentage(
    conditioning: Conditioning, *, width: float, height: float, x: float, y: float, strength: float = 1.0
) -> Conditioning:
    """Limit every entry to a rectangle, in shares (0..1) of whatever picture is sampled."""
    area = ("percentage", height, width, y, x)
    return set_values(conditioning, area=area, strength=strength, set_area_to_bounds=False)


def set_strength(conditioning: Conditioning, strength: float) -> Conditioning:
    """Set the weight (0..10) of every entry in the average."""
    return set_values(conditioning, strength=strength)


def set_mask(
    conditioning: Conditioning,
    mask: Tensor,
    *,
    strength: float = 1.0,
    area: Literal["default", "mask bounds"] = "default",
) -> Conditioning:
    """Weight every entry by a mask.

    Args:
        conditioning: what is weighted.
        mask: (height, width) or (batch, height, width), 0..1; stretched to whatever picture is sampled.
        strength: factor on the mask, 0..10.
        area: "default" shows the network the whole picture, "mask bounds" the mask's bounding box only.

    """
    batched = mask[None] if mask.ndim == 2 else mask
    return set_values(conditioning, mask=batched, mask_strength=strength, set_area_to_bounds=area == "mask bounds")


def set_timestep_range(conditioning: Conditioning, start: float, end: float) -> Conditioning:
    """Let every entry count only between two shares (0..1) of the sampling, counted from pure noise."""
    return set_values(conditioning, start_percent=start, end_percent=end)


def _only(source: Conditioning, input_name: str) -> tuple[Any, Any]:
    """Return the first entry, with a warning where there are more."""
    if not source:
        raise NodeInputError("The conditioning is empty.", hint="Connect a text encode node.", input_name=input_name)
    if len(source) > 1:
        _log.warning("%s has %d entries; only the first is used.", input_name, len(source))
    vectors, options = source[0]
    return vectors, options


def _mix(first: Tensor, second: Tensor, share: float) -> Tensor:
    return first * share + second.to(first) * (1.0 - share)


def _fitted(vectors: Tensor, tokens: int) -> Tensor:
    """Cut vectors (batch, any, width) to a number of tokens, or fill them up with zeros."""
    import torch

    short = tokens - vectors.shape[1]
    return torch.nn.functional.pad(vectors, (0, 0, 0, short)) if short > 0 else vectors[:, :tokens]


def _alike(tensors: list[Tensor]) -> list[Tensor]:
    """Repeat single samples to the largest batch among tensors (batch, ...)."""
    batch = max(tensor.shape[0] for tensor in tensors)
    return [
        tensor.expand(batch, *tensor.shape[1:]) if tensor.shape[0] == 1 else tensor.to(tensors[0]) for tensor in tensors
    ]
