"""DPM-Solver++ as an SDE, over several steps: one evaluation a step.

Lu et al. (2022), https://arxiv.org/abs/2211.01095, section 4 and appendix, in the form of
https://github.com/crowsonkb/k-diffusion: the reverse SDE is solved exactly but for the denoised latent, which a
polynomial through the last evaluations extrapolates in lambda = -ln(sigma). ``eta`` is the share of its noise, 0 for
the flow, 1 for the process that the network was trained on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore
from inhouse.packs.diffusion.samplers.fading import for_fading_signals

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

Correction = Callable[["list[Tensor]", "list[Tensor]", "Tensor"], "Tensor | float"]
"""From the last denoised latents, the last steps' sizes, newest first, and the exponent by which the linear part decays
over this step: what higher order adds to it."""


@for_fading_signals
def dpmpp_2m_sde(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    noise: NoiseSource,
    callback: Callback = ignore,
    eta: float = 1.0,
) -> Tensor:
    """SDE-DPM-Solver++(2M) with the midpoint rule."""
    return _multistep(denoiser, x, sigmas, noise, callback, _midpoint, eta)


@for_fading_signals
def dpmpp_2m_sde_heun(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    noise: NoiseSource,
    callback: Callback = ignore,
    eta: float = 1.0,
) -> Tensor:
    """SDE-DPM-Solver++(2M) with the trapezoidal rule."""
    return _multistep(denoiser, x, sigmas, noise, callback, _trapezoid, eta)


@for_fading_signals
def dpmpp_3m_sde(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    noise: NoiseSource,
    callback: Callback = ignore,
    eta: float = 1.0,
) -> Tensor:
    """SDE-DPM-Solver++(3M)."""
    return _multistep(denoiser, x, sigmas, noise, callback, _third_order, eta)


def _multistep(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: NoiseSource,
    callback: Callback,
    correction: Correction,
    eta: float,
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
        # Once for the flow, and eta times for what the added noise washes out.
        decay = (1 + eta) * h
        x = (-decay).exp() * x - (-decay).expm1() * denoised
        steps = [(lambdas[j + 1] - lambdas[j]) for j in range(i, max(i - 3, -1), -1)]
        x = x + correction(list(history), steps, decay)
        if eta:
            x = x + draw(sigma, sigma_next) * sigma_next * (-(-2 * eta * h).expm1()).sqrt()
    return x


def _midpoint(history: list[Tensor], h: list[Tensor], decay: Tensor) -> Tensor | float:
    if len(history) < 2:
        return 0.0
    return -0.5 * (-decay).expm1() * (h[0] / h[1]) * (history[0] - history[1])


def _trapezoid(history: list[Tensor], h: list[Tensor], decay: Tensor) -> Tensor | float:
    if len(history) < 2:
        return 0.0
    return _phi_2(decay) * (h[0] / h[1]) * (history[0] - history[1])


def _third_order(history: list[Tensor], h: list[Tensor], decay: Tensor) -> Tensor | float:
    if len(history) < 3:
        return _trapezoid(history, h, decay)
    r0, r1 = h[1] / h[0], h[2] / h[0]
    near, far = (history[0] - history[1]) / r0, (history[1] - history[2]) / r1
    second = (near - far) / (r0 + r1)
    first = near + second * r0
    phi_2 = _phi_2(decay)
    return phi_2 * first - (phi_2 / decay - 0.5) * second


def _phi_2(h: Tensor) -> Tensor:
    return (-h).expm1() / h + 1
