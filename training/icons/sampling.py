"""Sampling, for looking at what has been learnt: DPM-Solver++(2M) and Euler with classifier-free guidance.

Lu et al., "DPM-Solver++" (2022); Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models"
(2022) for the notation and the Karras schedule; Ho and Salimans, "Classifier-free diffusion guidance" (2022).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from training.icons.schedule import STEPS, alphas_cumprod

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Denoiser = Callable[[Tensor, Tensor], Tensor]
    VPredictor = Callable[[Tensor, Tensor, Tensor], Tensor]

RHO = 7.0


def model_sigmas() -> Tensor:
    """Return the noise levels that the model knows, rising, (1000,)."""
    signal = alphas_cumprod()
    return ((1 - signal) / signal).sqrt()


def normal_sigmas(steps: int) -> Tensor:
    """Return levels at evenly spaced timesteps, falling, and zero."""
    logs = model_sigmas().log()
    places = torch.linspace(STEPS - 1, 0, steps)
    low = places.floor().long()
    high = (low + 1).clamp(max=STEPS - 1)
    part = places - low
    return torch.cat([((1 - part) * logs[low] + part * logs[high]).exp(), torch.zeros(1)])


def karras_sigmas(steps: int) -> Tensor:
    """Return Karras's levels, falling, and zero (equation 5)."""
    low, high = float(model_sigmas()[0]) ** (1 / RHO), float(model_sigmas()[-1]) ** (1 / RHO)
    return torch.cat([(high + torch.linspace(0, 1, steps) * (low - high)) ** RHO, torch.zeros(1)])


def timestep(sigma: Tensor) -> Tensor:
    """Return the (fractional) timestep of a noise level."""
    logs = model_sigmas().log()
    place = torch.searchsorted(logs, sigma.log()).clamp(1, STEPS - 1)
    part = (sigma.log() - logs[place - 1]) / (logs[place] - logs[place - 1])
    return place - 1 + part.clamp(0, 1)


def guided(predict: VPredictor, context: Tensor, empty: Tensor, scale: float) -> Denoiser:
    """Return a denoiser D(x, sigma) that leans away from the empty prompt by ``scale``."""
    both = torch.cat([context, empty.expand_as(context)])

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        scaled = x / (sigma**2 + 1).sqrt()
        steps = timestep(sigma).expand(2 * len(x))
        v = predict(torch.cat([scaled, scaled]), steps, both).float()
        wanted, other = v.chunk(2)
        guided_v = other + scale * (wanted - other)
        return x / (sigma**2 + 1) - guided_v * sigma / (sigma**2 + 1).sqrt()

    return denoise


def euler(denoise: Denoiser, x: Tensor, sigmas: Tensor) -> Tensor:
    """Follow the probability flow by Euler's method (Karras et al., algorithm 2 without churn)."""
    for now, then in pairwise(sigmas):
        x = x + (x - denoise(x, now)) / now * (then - now)
    return x


def dpmpp_2m(denoise: Denoiser, x: Tensor, sigmas: Tensor) -> Tensor:
    """Follow it by DPM-Solver++(2M)."""
    before: tuple[Tensor, Tensor] | None = None
    for now, then in pairwise(sigmas):
        said = denoise(x, now)
        if then == 0:
            return said
        width = (now / then).log()
        ahead = said
        if before is not None:
            ratio = before[1] / width
            ahead = (1 + 1 / (2 * ratio)) * said - 1 / (2 * ratio) * before[0]
        x = then / now * x - torch.expm1(-width) * ahead
        before = said, width
    return x


SAMPLERS = {"euler": euler, "dpmpp_2m": dpmpp_2m}
SCHEDULES = {"normal": normal_sigmas, "karras": karras_sigmas}
