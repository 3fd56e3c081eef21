"""UniPC: a predictor and a corrector of any order, one evaluation a step.

Zhao et al. (2023), https://arxiv.org/abs/2302.04867, predicting the denoised latent, with alpha = 1 and
lambda = -ln(sigma). Third order, fewer in the first steps and the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

ORDER = 3

StepFunction = Callable[["Tensor"], "Tensor"]
"""B: how the weight of a step's higher orders depends on its size."""

LAST_SIGMA = 0.001
"""Where the last step ends when the schedule ends in zero, at which lambda is infinite."""


def uni_pc(denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore) -> Tensor:
    """UniPC with B(h) = h."""
    return _uni_pc(denoiser, x, sigmas, noise, callback, lambda h: -h)


def uni_pc_bh2(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """UniPC with B(h) = exp(h) - 1, which suits few steps under strong guidance."""
    return _uni_pc(denoiser, x, sigmas, noise, callback, lambda h: (-h).expm1())


def _uni_pc(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, callback: Callback, b: StepFunction
) -> Tensor:
    del noise
    steps = len(sigmas) - 1
    sigmas = sigmas.double().clamp(min=LAST_SIGMA)
    lambdas, history = -sigmas.log(), list["Tensor"]()
    start, order = x, 0
    for i in range(steps):
        denoised = denoiser(x, at(sigmas[i], x))
        callback(Step(i, float(sigmas[i]), x, denoised))
        if i:
            x = _step(start, history, lambdas[i - order : i + 1].flip(0), b, ahead=denoised)
        history = [denoised, *history][:ORDER]
        start, order = x, min(i + 1, ORDER, steps - i)
        x = _step(start, history, lambdas[i + 1 - order : i + 2].flip(0), b)
    return x


def _step(x: Tensor, history: list[Tensor], lambdas: Tensor, b: StepFunction, *, ahead: Tensor | None = None) -> Tensor:
    """Take one step, of the predictor or, given the evaluation ``ahead`` at its end, of the corrector.

    Args:
        x: the latent at the start of the step.
        history: denoised latents at the start of the step and before, newest first, one or more for each of those.
        lambdas: lambda at the end of the step, at its start, and at those before that take part; shape (order + 1,).
        b: the function B of the paper.
        ahead: the denoised latent at the end of the step, as the predictor left it.

    """
    h = lambdas[0] - lambdas[1]
    r = (lambdas[2:] - lambdas[1]) / h
    differences = [(older - history[0]) / ratio for older, ratio in zip(history[1:], r, strict=False)]
    if ahead is not None:
        differences.append(ahead - history[0])
        r = torch.cat([r, r.new_ones(1)])
    x = (-h).exp() * x - (-h).expm1() * history[0]
    for weight, difference in zip(_weights(r, h, b), differences, strict=True):
        x = x - b(h) * weight * difference
    return x


def _weights(r: Tensor, h: Tensor, b: StepFunction) -> Tensor:
    """Solve the order conditions (Theorem 3.1) for the weights of the differences at the ratios ``r``."""
    if len(r) < 2:
        return torch.full_like(r, 0.5)
    phi, factorial, right = (-h).expm1() / -h - 1, 1, []
    for k in range(1, len(r) + 1):
        factorial *= k
        right.append(phi * factorial / b(h))
        phi = phi / -h - 1 / (factorial * (k + 1))
    powers = torch.stack([r**k for k in range(len(r))])
    weights: Tensor = torch.linalg.solve(powers, torch.stack(right))
    return weights
