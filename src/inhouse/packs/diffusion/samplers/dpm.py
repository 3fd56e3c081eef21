"""DPM-Solver: exponential integrators of the noise prediction, from the first level straight to the last.

Lu et al. (2022), https://arxiv.org/abs/2206.00927, with alpha = 1 and lambda = -ln(sigma), in the form of
https://github.com/crowsonkb/k-diffusion. Only the ends of the schedule count; the steps between are the solver's own,
and they end at the lowest positive level, where the result stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


RELATIVE, ABSOLUTE = 0.05, 0.0078
"""Tolerances of the adaptive solver: relative, and absolute (one of 256 grey levels over a range of 2)."""


def dpm_fast(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """DPM-Solver-fast: as many evaluations as the schedule has steps, in steps of third order and smaller ones."""
    del noise
    ends = _ends(sigmas)
    if ends is None:
        return _jump(denoiser, x, sigmas, callback)
    nfe = len(sigmas) - 1
    orders = [3] * (nfe // 3 - 1) + [2, 1] if nfe % 3 == 0 else [3] * (nfe // 3) + [nfe % 3]
    lambdas = torch.linspace(*ends, len(orders) + 1)
    for i, (order, (start, end)) in enumerate(zip(orders, pairwise(lambdas), strict=True)):
        solver = _Stages(denoiser, x, start)
        callback(Step(i, float((-start).exp()), x, solver.denoised))
        x = (solver.first, solver.second, solver.third)[order - 1](end - start)
    return x


def dpm_adaptive(
    denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
) -> Tensor:
    """DPM-Solver-23: third order, its error told by the second order inside it, which sets the size of the steps."""
    del noise
    ends = _ends(sigmas)
    if ends is None:
        return _jump(denoiser, x, sigmas, callback)
    now, last = torch.tensor(ends[0]), torch.tensor(ends[1])
    controller, x_low_before, i = StepSize(), x, 0
    while now < last - 1e-5:
        h = torch.minimum(last, now + controller.h) - now
        solver = _Stages(denoiser, x, now)
        callback(Step(i, float((-now).exp()), x, solver.denoised))
        x_low, x_high = solver.second(h, 1 / 3), solver.third(h)
        tolerance = (RELATIVE * torch.maximum(x_low.abs(), x_low_before.abs())).clamp(min=ABSOLUTE)
        if controller.accepts(float(((x_low - x_high) / tolerance).square().mean().sqrt())):
            x, x_low_before, now = x_high, x_low, now + h
        i += 1
    return x


@dataclass
class StepSize:
    """An integral controller of the step size, its factor kept smooth and bounded.

    Soederlind (2003), Digital filters in adaptive time-stepping, ACM TOMS 29.
    """

    h: float = 0.05
    order: int = 3
    accept_safety: float = 0.81

    def accepts(self, error: float) -> bool:
        """Adapt the step size to an error, of which 1 is tolerable, and tell whether the step stands."""
        factor = 1 + math.atan((1 / (error + 1e-8)) ** (1 / self.order) - 1)
        self.h *= factor
        return factor >= self.accept_safety


def _ends(sigmas: Tensor) -> tuple[float, float] | None:
    """Return lambda at the first and the last positive level, or None when nothing lies between."""
    positive = sigmas[sigmas > 0]
    if len(positive) < 2:
        return None
    return float(-positive[0].log()), float(-positive[-1].log())


def _jump(denoiser: Denoiser, x: Tensor, sigmas: Tensor, callback: Callback) -> Tensor:
    """Take the one step that a schedule of a single positive level allows: to the clean latent."""
    if len(sigmas) < 2:
        return x
    denoised = denoiser(x, at(sigmas[0], x))
    callback(Step(0, float(sigmas[0]), x, denoised))
    return denoised


class _Stages:
    """One step of a single-step solver: its inner evaluations, made once and shared by the orders."""

    def __init__(self, denoiser: Denoiser, x: Tensor, start: Tensor) -> None:
        self.denoiser, self.x, self.start = denoiser, x, start
        sigma = (-start).exp()
        self.denoised = denoiser(x, at(sigma, x))
        self.eps = to_d(x, sigma, self.denoised)
        self.inner: Tensor | None = None

    def first(self, h: Tensor, slope: Tensor | float = 0.0) -> Tensor:
        """Return ``x`` a step ``h`` further, the noise changing by what ``slope`` stands for."""
        return self.x - (-(self.start + h)).exp() * (h.expm1() * self.eps + slope)

    def second(self, h: Tensor, r1: float = 1 / 2) -> Tensor:
        """Take a step of second order (equation 4.1)."""
        return self.first(h, h.expm1() / (2 * r1) * (self._inner(h, r1) - self.eps))

    def third(self, h: Tensor, r1: float = 1 / 3, r2: float = 2 / 3) -> Tensor:
        """Take a step of third order (Algorithm 2), which shares its first inner evaluation with ``second``."""
        change = self._inner(h, r1) - self.eps
        outer = self._evaluate(r2 * h, (r2 / r1) * ((r2 * h).expm1() / (r2 * h) - 1) * change)
        return self.first(h, (h.expm1() / h - 1) / r2 * (outer - self.eps))

    def _inner(self, h: Tensor, r1: float) -> Tensor:
        if self.inner is None:
            self.inner = self._evaluate(r1 * h, 0.0)
        return self.inner

    def _evaluate(self, h: Tensor, slope: Tensor | float) -> Tensor:
        x, sigma = self.first(h, slope), (-(self.start + h)).exp()
        return to_d(x, sigma, self.denoiser(x, at(sigma, x)))
