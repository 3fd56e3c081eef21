"""SA-Solver: a stochastic Adams method, whose corrector sees the noise that its predictor added.

Xue et al. (2023), https://arxiv.org/abs/2309.05019, predicting the denoised latent, with alpha = 1 and
lambda = -ln(sigma). As the authors recommend, tau is 1 in the middle of the process and 0 at its start and end, the
predictor is of third order and the corrector of fourth; both start low and end low.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from inhouse.packs.diffusion.samplers.adams import lagrange
from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

PREDICTOR_ORDER, CORRECTOR_ORDER = 3, 4
STOCHASTIC = 0.2, 0.8
"""The share of the timesteps, counted from pure noise, between which a step's end must lie for it to add noise."""


def sa_solver(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Predict, evaluate, correct: one evaluation a step."""
    return _sa_solver(denoiser, x, sigmas, noise, callback, pece=False)


def sa_solver_pece(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Predict, evaluate, correct, evaluate: what is extrapolated is the evaluation at the corrected latent."""
    return _sa_solver(denoiser, x, sigmas, noise, callback, pece=True)


def _sa_solver(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, callback: Callback, *, pece: bool
) -> Tensor:
    draw = noise.gaussian(x)
    first, last = (denoiser.prediction.percent_to_sigma(share) for share in STOCHASTIC)
    levels = sigmas.tolist()
    lambdas = [-math.log(level) for level in levels if level > 0]
    history: list[Tensor] = []
    start, added, tau = x, None, 0
    for i, sigma in enumerate(sigmas[:-1]):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, levels[i], x, denoised))
        if i:
            order = min(CORRECTOR_ORDER, i + 1, len(lambdas) - i)
            nodes = lambdas[i + 1 - order : i + 1][::-1]
            x = _integrate(start, [denoised, *history], nodes, lambdas[i - 1 : i + 1], tau, added)
            if pece:
                denoised = denoiser(x, at(sigma, x))
        if levels[i + 1] == 0:
            return denoised
        history = [denoised, *history][:PREDICTOR_ORDER]
        start, added, tau = x, None, int(last <= levels[i + 1] <= first)
        if tau:
            fade = (levels[i + 1] / levels[i]) ** (2 * tau**2)
            added = draw(sigma, sigmas[i + 1]) * (levels[i + 1] * math.sqrt(1 - fade))
        order = min(PREDICTOR_ORDER, i + 1, len(lambdas) - 1 - i)
        nodes = lambdas[i + 1 - order : i + 1][::-1]
        x = _integrate(start, history, nodes, lambdas[i : i + 2], tau, added)
    return x


def _integrate(
    x: Tensor, denoised: list[Tensor], nodes: list[float], step: list[float], tau: int, added: Tensor | None
) -> Tensor:
    """Solve a step exactly but for the denoised latent: a polynomial through its values at the nodes (equation 14).

    Args:
        x: the latent at the start of the step.
        denoised: the values, newest first, one or more for each node.
        nodes: lambda of each value that takes part.
        step: lambda at the start of the step and at its end.
        tau: how stochastic the step is.
        added: the noise of the step, where there is any.

    """
    decay, h = 1 + tau**2, step[1] - step[0]
    points, weights = np.polynomial.legendre.leggauss(16)
    times = h / 2 * (points + 1)
    weights = weights * h / 2 * decay * np.exp(decay * (times - h))
    result = math.exp(-decay * h) * x
    for basis, value in zip(lagrange([node - step[0] for node in nodes]), denoised, strict=False):
        result = result + float((basis(times) * weights).sum()) * value
    return result if added is None else result + added
