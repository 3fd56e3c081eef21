"""The noise schedule: scaled linear, 1,000 steps, v-prediction (Salimans and Ho, 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 1000
BETAS = (0.00085, 0.012)
LEAN = 0.6


def alphas_cumprod() -> Tensor:
    """Return the signal's share of the variance at each step, (1000,) float32, falling from 0.999 to 0.0047."""
    betas = torch.linspace(BETAS[0] ** 0.5, BETAS[1] ** 0.5, STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


def stratified_steps(count: int) -> Tensor:
    """Return ``count`` random steps spread over the schedule, the noisy ones more often.

    What a picture shows is decided where the noise is strong; where it is weak, the loss is about edges that nobody
    sees. Spreading the steps makes batches alike.
    """
    places = (torch.randperm(count) + torch.rand(count)) / count
    return (places**LEAN * STEPS).long().clamp(max=STEPS - 1)


def diffuse(latents: Tensor, noise: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the noisy latents at ``steps`` and the v that the denoiser must say."""
    share = alphas_cumprod()[steps][:, None, None, None]
    signal, spread = share.sqrt(), (1 - share).sqrt()
    return signal * latents + spread * noise, signal * noise - spread * latents


def undiffuse(noisy: Tensor, v: Tensor, steps: Tensor) -> Tensor:
    """Return the latents that a denoiser's v at ``steps`` speaks of."""
    share = alphas_cumprod()[steps][:, None, None, None]
    latents: Tensor = share.sqrt() * noisy - (1 - share).sqrt() * v
    return latents
