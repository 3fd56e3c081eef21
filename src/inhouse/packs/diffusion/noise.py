"""Where randomness comes from: generators of our own, never the process's.

Every draw is made by a `torch.Generator` (or a Brownian tree, which holds its own), so that two engines in one process
do not disturb each other and a seed gives the same picture every time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from torch import Tensor

NoiseSampler = Callable[["Tensor", "Tensor"], "Tensor"]
"""Noise of unit variance for the step from one sigma to the next, both of shape ()."""


def initial_noise(latent: Tensor, seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """Return the noise that a latent starts from, drawn on the CPU so that every device starts from the same.

    Args:
        latent: gives shape and dtype, (batch, ...); its values are not used.
        seed: 0 to 2^64 - 1.
        batch_index: for each sample, which draw of the seed is its own (0 is the first), so that a sample taken from
            a batch keeps the noise that it had there. Without it the whole batch is one draw.

    """
    generator = torch.Generator().manual_seed(seed)
    if batch_index is None:
        return torch.randn(latent.shape, dtype=latent.dtype, generator=generator)
    wanted = dict.fromkeys(batch_index)
    draws: dict[int, Tensor] = {}
    for index in range(max(wanted) + 1):
        draw = torch.randn((1, *latent.shape[1:]), dtype=latent.dtype, generator=generator)
        if index in wanted:
            draws[index] = draw
    return torch.cat([draws[index] for index in batch_index])


class NoiseMaker(Protocol):
    """Where a sampling's first noise comes from: what travels on a ``NOISE`` wire."""

    @property
    def seed(self) -> int:
        """Seed of the noise that samplers add on their way."""

    def generate_noise(self, latent: dict[str, Any]) -> Tensor:
        """Return noise in the shape of a latent's ``samples``, on the CPU."""


@dataclass(frozen=True)
class RandomNoise:
    """Noise of a seed, 0 to 2^64 - 1."""

    seed: int

    def generate_noise(self, latent: dict[str, Any]) -> Tensor:
        """Return `initial_noise`."""
        return initial_noise(latent["samples"], self.seed, latent.get("batch_index"))


@dataclass(frozen=True)
class NoNoise:
    """No noise: the latent has all that it needs."""

    seed: int = 0

    def generate_noise(self, latent: dict[str, Any]) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(latent["samples"], device="cpu")


_TREE_DIGITS = 6
"""Decimals to which torchsde's tree resolves time, at its default tolerance."""


@dataclass(frozen=True)
class NoiseSource:
    """The noise that a stochastic sampler adds on its way, all of it from one seed.

    Attributes:
        seed: 0 to 2^64 - 1.
        brownian_device: where Brownian trees live; the CPU, so that every device gets the same picture, or None for
            the device of the latent, which saves the transfers.
        scale: standard deviation of the noise, 1 as the processes have it; more makes details, less smooths.

    """

    seed: int
    brownian_device: torch.device | None = torch.device("cpu")  # noqa: RUF009 - a device is immutable
    scale: float = 1.0

    def gaussian(self, x: Tensor) -> NoiseSampler:
        """Return a source of independent draws in the shape of ``x``, made on its device."""
        generator = torch.Generator(x.device).manual_seed(self.seed)

        def draw(sigma: Tensor, sigma_next: Tensor) -> Tensor:
            del sigma, sigma_next
            return self._scaled(torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator))

        return draw

    def brownian(self, x: Tensor, sigmas: Tensor) -> NoiseSampler:
        """Return the increments of one Brownian motion over the positive levels among ``sigmas``, of unit variance.

        Draws for overlapping steps are correlated as the path demands, so that a sampler with more steps follows the
        same path. Li et al. (2020), Scalable Gradients for SDEs, https://arxiv.org/abs/2001.01328; used for sampling
        as in https://github.com/crowsonkb/k-diffusion.
        """
        from torchsde import BrownianTree

        levels = [sigma for sigma in sigmas.tolist() if sigma > 0]
        start = torch.zeros_like(x, device=self.brownian_device or x.device)
        tree = BrownianTree(min(levels), start, max(levels), entropy=self.seed)
        first, last = (
            round(level, _TREE_DIGITS) for level in (min(levels), max(levels))
        )  # as the tree rounds its ends

        def increment(sigma: Tensor, sigma_next: Tensor) -> Tensor:
            if sigma > sigma_next:
                return -increment(sigma_next, sigma)
            start_time, end_time = (min(max(float(level), first), last) for level in (sigma, sigma_next))
            path: Tensor = tree(start_time, end_time)
            return self._scaled(path.to(x) / (sigma_next - sigma).sqrt())

        return increment

    def _scaled(self, noise: Tensor) -> Tensor:
        return noise if self.scale == 1 else noise * self.scale
