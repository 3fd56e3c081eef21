"""DPM-Solver++ as an SDE, over several steps: one evaluation a step.

Lu et al. (2022), https://arxiv.org/abs/2211.01095, section 4 and appendix, in the form of
https://github.com/crowsonkb/k-diffusion with eta = 1: the reverse SDE is solved exactly but for the denoised latent,
which a polynomial through the last evaluations extrapolates in lambda = -ln(sigma).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

Correction = Callable[["list[Tensor]", "list[Tensor]"], "Tensor | float"]
"""From the last denoised latents and the last steps' sizes, newest first: what higher order adds to a step."""


def dpmpp_2m_sde(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """SDE-DPM-Solver++(2M) with the midpoint rule."""
    return _multistep(denoiser, x, sigmas, noise, callback, _midpoint)


def dpmpp_2m_sde_heun(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """SDE-DPM-Solver++(2M) with the trapezoidal rule."""
    return _multistep(denoiser, x, sigmas, noise, callback, _trapezoid)


def dpmpp_3m_sde(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """SDE-DPM-Solver++(3M)."""
    return _multistep(denoiser, x, sigmas, noise, callback, _third_order)


def _multistep(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, callback: Callback, correction: Correction
) -> Tensor:
    if len(sigmas) < 2:
        return x
    draw = noise.brownian(x, sigmas)
    lambdas, history = -sigmas.log(), deque["Tensor"](maxlen=3)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if sigma_next == 0:
            x = denoised
            continue
        history.appendleft(denoised)
        h = lambdas[i + 1] - lambdas[i]
        # Twice h: once for the flow, once for what the added noise washes out (eta = 1).
        x = (-2 * h).exp() * x - (-2 * h).expm1() * denoised
        x = x + correction(list(history), [(lambdas[j + 1] - lambdas[j]) for j in range(i, max(i - 3, -1), -1)])
        x = x + draw(sigma, sigma_next) * sigma_next * (-(-2 * h).expm1()).sqrt()
    return x


def _midpoint(history: list[Tensor], h: list[Tensor]) -> Tensor | float:
    if len(history) < 2:
        return 0.0
    return -0.5 * (-2 * h[0]).expm1() * (h[0] / h[1]) * (history[0] - history[1])


def _trapezoid(history: list[Tensor], h: list[Tensor]) -> Tensor | float:
    if len(history) < 2:
        return 0.0
    return _phi_2(2 * h[0]) * (h[0] / h[1]) * (history[0] - history[1])


def _third_order(history: list[Tensor], h: list[Tensor]) -> Tensor | float:
    if len(history) < 3:
        return _trapezoid(history, h)
    r0, r1 = h[1] / h[0], h[2] / h[0]
    near, far = (history[0] - history[1]) / r0, (history[1] - history[2]) / r1
    second = (near - far) / (r0 + r1)
    first = near + second * r0
    phi_2 = _phi_2(2 * h[0])
    return phi_2 * first - (phi_2 / (2 * h[0]) - 0.5) * second


def _phi_2(h: Tensor) -> Tensor:
    return (-h).expm1() / h + 1
