"""Guidance away from what a transformer predicts without some of its blocks.

Hyung et al. (2024), Spatiotemporal Skip Guidance, https://arxiv.org/abs/2411.18664, as Stability AI proposed it for
Stable Diffusion 3.5 medium.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.patches import Patches, Place

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.guidance import GuidanceStep
    from inhouse.packs.diffusion.patches import Tensors


@dataclass(frozen=True, slots=True)
class SkipLayers:
    """A change behind classifier-free guidance; see `inhouse.packs.diffusion.guidance.Guidance.adjust`.

    Attributes:
        blocks: the blocks to skip, by their part (``double``, ``single``).
        scale: how far away, 0 or more.
        first_sigma: the highest noise level at which it counts.
        last_sigma: the lowest.
        rescale: share of the contrast that is brought back to the positive prediction's, 0 or more.

    """

    blocks: Mapping[str, frozenset[int]]
    scale: float
    first_sigma: float
    last_sigma: float
    rescale: float = 0.0

    def __call__(self, step: GuidanceStep, denoised: Tensor) -> Tensor:
        """Return the clean latent farther from the one that the network predicts without those blocks."""
        if self.scale <= 0 or not self.last_sigma <= float(step.sigma[0]) <= self.first_sigma:
            return denoised
        skipped = step.predict(patches=Patches(blocks=(self.skip,)))
        denoised = denoised + (step.positive - skipped) * self.scale
        if self.rescale:
            denoised = denoised * (self.rescale * step.positive.std() / denoised.std() + 1 - self.rescale)
        return denoised

    def skip(self, run: Callable[[Tensors], Tensors], tensors: Tensors, place: Place) -> Tensors:
        """Leave the tensors as they are at a block that is skipped."""
        return {} if place.block in self.blocks.get(place.part, ()) else run(tensors)
