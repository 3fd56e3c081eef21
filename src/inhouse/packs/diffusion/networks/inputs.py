"""What a denoising network is told beside the latent and the timestep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Change: TypeAlias = Callable[[Tensor], Tensor]
    Maps: TypeAlias = tuple[Tensor | None, ...]


@dataclass(frozen=True, slots=True)
class Residuals:
    """What a ControlNet or an adapter adds to a network's feature maps, each (batch, channels, height, width).

    None stands for nothing; so does what is missing at an end.

    Attributes:
        skips: to what input block k hands to the other side of the U, and only there (ControlNet).
        middle: to what the middle block gives.
        inputs: to what input block k gives (T2I-adapter).
        blocks: to the picture's tokens (batch, tokens, channels) after block k of a transformer.

    """

    skips: Maps = ()
    middle: Tensor | None = None
    inputs: Maps = ()
    blocks: Maps = ()

    def mapped(self, change: Change) -> Residuals:
        """Return the same with every tensor changed."""
        return Residuals(
            _each(self.skips, change),
            None if self.middle is None else change(self.middle),
            _each(self.inputs, change),
            _each(self.blocks, change),
        )

    def __add__(self, other: Residuals) -> Residuals:
        """Return what both together add."""
        return Residuals(
            _sums(self.skips, other.skips),
            _sum(self.middle, other.middle),
            _sums(self.inputs, other.inputs),
            _sums(self.blocks, other.blocks),
        )

    @staticmethod
    def join(parts: Sequence[tuple[Residuals | None, int]]) -> Residuals | None:
        """Return the residuals of several samples as one batch, zeros where a sample has none.

        Args:
            parts: residuals, and how many samples they are for.

        """
        from itertools import zip_longest

        import torch

        known = [residuals or Residuals() for residuals, _ in parts]

        def joined(maps: Sequence[Tensor | None]) -> Tensor | None:
            like = next((found for found in maps if found is not None), None)
            if like is None:
                return None
            rows = [
                like.new_zeros(count, *like.shape[1:]) if found is None else found
                for found, (_, count) in zip(maps, parts, strict=True)
            ]
            return torch.cat(rows)

        def each(groups: list[Maps]) -> Maps:
            return tuple(joined(maps) for maps in zip_longest(*groups))

        if not any(residuals for residuals, _ in parts):
            return None
        return Residuals(
            each([residuals.skips for residuals in known]),
            joined([residuals.middle for residuals in known]),
            each([residuals.inputs for residuals in known]),
            each([residuals.blocks for residuals in known]),
        )


def added(x: Tensor, maps: Maps, index: int) -> Tensor:
    """Return a feature map with the residual of that number, if there is one."""
    residual = maps[index] if index < len(maps) else None
    return x if residual is None else x + residual


@dataclass(frozen=True, slots=True)
class NetworkInputs:
    """What a network is told beside the latent and the timestep, a row a sample.

    Attributes:
        context: the prompt's conditioning (batch, tokens, width).
        vector: the pooled conditioning (batch, channels), for networks that take one.
        guidance: the scale of distilled guidance (batch,), likewise.
        residuals: what is added to feature maps.
        sigma: the noise levels (batch,); only patches look at them.
        negative: whether a sample is under the negative conditioning (batch,), bool; only patches look at it.

    """

    context: Tensor
    vector: Tensor | None = None
    guidance: Tensor | None = None
    residuals: Residuals | None = None
    sigma: Tensor | None = None
    negative: Tensor | None = None

    @property
    def kind(self) -> tuple[tuple[int, ...] | None, ...]:
        """What inputs have to agree in to be joined: which fields there are, and the shape of a sample of each."""
        told = (self.context, self.vector, self.guidance, self.sigma, self.negative)
        return tuple(None if rows is None else tuple(rows.shape[1:]) for rows in told)

    def mapped(self, change: Change) -> NetworkInputs:
        """Return the same with every tensor changed."""

        def changed(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else change(tensor)

        return NetworkInputs(
            change(self.context),
            changed(self.vector),
            changed(self.guidance),
            None if self.residuals is None else self.residuals.mapped(change),
            changed(self.sigma),
            changed(self.negative),
        )

    def placed(self, device: str, dtype: torch.dtype) -> NetworkInputs:
        """Return the same on a device, what a network computes with in its type."""
        import torch

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype if tensor.ndim > 1 and tensor.dtype != torch.bool else tensor.dtype)

        return self.mapped(place)

    def split(self, sizes: Sequence[int]) -> list[NetworkInputs]:
        """Return the inputs of consecutive samples, so many each."""
        ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
        return [
            self.mapped(lambda rows, end=end, size=size: rows[end - size : end])  # type: ignore[misc]
            for end, size in zip(ends, sizes, strict=True)
        ]

    @staticmethod
    def join(parts: Sequence[NetworkInputs]) -> NetworkInputs:
        """Return the inputs of several samples as one batch; all have the same fields but for residuals."""
        import torch

        if len(parts) == 1:
            return parts[0]

        def joined(name: str) -> Tensor | None:
            rows = [getattr(part, name) for part in parts]
            return None if rows[0] is None else torch.cat(rows)

        return NetworkInputs(
            torch.cat([part.context for part in parts]),
            joined("vector"),
            joined("guidance"),
            Residuals.join([(part.residuals, len(part.context)) for part in parts]),
            joined("sigma"),
            joined("negative"),
        )


def _each(maps: Maps, change: Change) -> Maps:
    return tuple(None if found is None else change(found) for found in maps)


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _sums(ones: Maps, others: Maps) -> Maps:
    from itertools import zip_longest

    return tuple(_sum(one, other) for one, other in zip_longest(ones, others))
