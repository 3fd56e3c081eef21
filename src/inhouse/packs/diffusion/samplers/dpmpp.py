"""DPM-Solver++: exponential integrators of the denoised latent.

Lu et al. (2022), https://arxiv.org/abs/2211.01095, with the signal at constant size: alpha = 1, and time is
lambda = -ln(sigma), half the logarithm of the signal-to-noise ratio.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Ancestral, Callback, Denoiser, Step, ancestral_step, at, ignore
from inhouse.packs.diffusion.samplers.fading import with_signal

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSampler, NoiseSource
    from inhouse.packs.diffusion.prediction import Prediction

NEARLY_NOISE = 0.9999
"""The level inside a step from pure noise, where lambda has no middle."""


def _advance(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Return the exact solution at ``sigma_next`` of the flow towards a constant ``denoised``."""
    ratio = sigma_next / sigma
    return ratio * x + (1 - ratio) * denoised


def dpmpp_2m(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """DPM-Solver++(2M), Algorithm 2: one evaluation a step, extrapolated with the one before."""
    del noise
    lambdas = -sigmas.log()
    previous = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        target = denoised
        if previous is not None and sigma_next > 0:
            r = (lambdas[i] - lambdas[i - 1]) / (lambdas[i + 1] - lambdas[i])
            target = denoised + (denoised - previous) / (2 * r)
        x = _advance(x, target, sigma, sigma_next)
        previous = denoised
    return x


def _single_step(denoiser: Denoiser, x: Tensor, denoised: Tensor, sigma: Tensor, sigma_down: Tensor) -> Tensor:
    """Take the step of Algorithm 1 with r = 1/2."""
    if sigma_down > 0:
        middle = _halfway(denoiser.prediction, sigma, sigma_down)
        denoised = denoiser(_advance(x, denoised, sigma, middle), at(middle, x))
    return _advance(x, denoised, sigma, sigma_down)


def _halfway(prediction: Prediction, sigma: Tensor, sigma_down: Tensor) -> Tensor:
    """Return the level between two in the middle of their lambda, ln(alpha / sigma)."""
    if prediction.alpha(sigma) <= 0:
        return sigma.new_tensor(NEARLY_NOISE)
    ratio, ratio_down = (level / prediction.alpha(level) for level in (sigma, sigma_down))
    return prediction.level_of(ratio.log().lerp(ratio_down.log(), 0.5).exp())


dpmpp_2s_ancestral = Ancestral(_single_step)
"""DPM-Solver++(2S) below the next level, then noise up to it."""


def dpmpp_sde(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    noise: NoiseSource,
    callback: Callback = ignore,
    eta: float = 1.0,
    r: float = 0.5,
) -> Tensor:
    """DPM-Solver++(S) as an SDE, with noise at the middle of a step too.

    Its form is that of https://github.com/crowsonkb/k-diffusion, which takes an ancestral step where the paper's
    SDE variant has a noise term. ``eta`` is the share of the noise, 0 to 1; ``r`` the place of the inner evaluation,
    in shares of a step.
    """
    if len(sigmas) < 2:
        return x
    draw, weight, prediction = noise.brownian(x, sigmas), 1 / (2 * r), denoiser.prediction
    for i, (sigma, sigma_next) in enumerate(pairwise(with_signal(sigmas, prediction))):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        if sigma_next == 0:
            x = denoised
            continue
        t, t_next = prediction.log_snr(sigma), prediction.log_snr(sigma_next)
        middle = prediction.level_at(t + (t_next - t) * r)
        to = partial(_stochastic_step, x, sigma, draw=draw, alpha=prediction.alpha, eta=eta)
        x = to(denoised.lerp(denoiser(to(denoised, middle), at(middle, x)), weight), sigma_next)
    return x


def _stochastic_step(
    x: Tensor,
    sigma: Tensor,
    denoised: Tensor,
    sigma_next: Tensor,
    *,
    draw: NoiseSampler,
    alpha: Callable[[Tensor], Tensor],
    eta: float,
) -> Tensor:
    """Step towards a constant ``denoised`` to below a level, then add noise up to it, in shares of the signal."""
    signal, signal_next = alpha(sigma), alpha(sigma_next)
    ratio = sigma / signal
    down, up = ancestral_step(ratio, sigma_next / signal_next, eta)
    kept = _advance(x / signal, denoised, ratio, down) + draw(sigma, sigma_next) * up
    return kept * signal_next
