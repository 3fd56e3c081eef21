"""RES: the refined exponential solver of second order, over two steps, with one evaluation each.

Zhang et al. (2023), https://arxiv.org/abs/2308.02157, section 4: an exponential integrator in lambda = -ln(sigma) whose
coefficients meet all order conditions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, ancestral_step, at, ignore

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


def res_multistep(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Deterministic RES."""
    return _res(denoiser, x, sigmas, noise, callback, eta=0)


def res_multistep_ancestral(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """RES to below the next level, then noise up to it."""
    return _res(denoiser, x, sigmas, noise, callback, eta=1)


def res_multistep_cfg_pp(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Deterministic RES under CFG++, Chung et al. (2024), https://arxiv.org/abs/2406.08070."""
    return _res_cfg_pp(denoiser, x, sigmas, noise, callback, eta=0)


def res_multistep_ancestral_cfg_pp(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """Ancestral RES under CFG++."""
    return _res_cfg_pp(denoiser, x, sigmas, noise, callback, eta=1)


def phi_2(h: Tensor) -> Tensor:
    """Return h times the paper's second phi function at -h: what an exponential integrator makes of a slope."""
    return (-h).expm1() / h + 1


def _res(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, callback: Callback, *, eta: float
) -> Tensor:
    draw = noise.gaussian(x)
    before: tuple[Tensor, Tensor] | None = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoiser(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        down, up = ancestral_step(sigma, sigma_next, eta)
        ratio = down / sigma
        x = ratio * x + (1 - ratio) * denoised
        if before is not None and down > 0:
            previous, down_before = before
            x = x + _slope(sigmas[i - 1], down_before, sigma, down) * (denoised - previous)
        if up > 0:
            x = x + draw(sigma, sigma_next) * up
        before = denoised, down
    return x


def _res_cfg_pp(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, noise: NoiseSource, callback: Callback, *, eta: float
) -> Tensor:
    draw = noise.gaussian(x)
    before: tuple[Tensor, Tensor] | None = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, unconditional = denoiser.pair(x, at(sigma, x))
        callback(Step(i, float(sigma), x, denoised))
        down, up = ancestral_step(sigma, sigma_next, eta)
        ratio = down / sigma
        x = ratio * (x - unconditional) + denoised
        if before is not None and down > 0:
            previous, down_before = before
            # The unconditional prediction is the one that is extrapolated, and guidance moves where it starts from.
            x = x + (1 - ratio) * (unconditional - denoised)
            x = x + _slope(sigmas[i - 1], down_before, sigma, down) * (unconditional - previous)
        if up > 0:
            x = x + draw(sigma, sigma_next) * up
        before = unconditional, down
    return x


def _slope(sigma_before: Tensor, down_before: Tensor, sigma: Tensor, down: Tensor) -> Tensor:
    """Return the weight of the change since the last evaluation."""
    h, h_before = (sigma / down).log(), (sigma_before / down_before).log()
    return phi_2(h) * h / h_before
