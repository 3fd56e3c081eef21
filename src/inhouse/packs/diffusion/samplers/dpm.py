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

from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, ancestral_step, at, ignore, to_d

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


@dataclass(frozen=True)
class StepSize:
    """How the adaptive solver's steps follow from its errors: a PID controller, its factor kept smooth and bounded.

    Soederlind (2003), Digital filters in adaptive time-stepping, ACM TOMS 29.

    Attributes:
        h: the first step, in lambda.
        proportional: weight of the last error, as are ``integral`` and ``derivative``.
        accept_safety: the smallest factor by which a step may have to shrink for it to stand.

    """

    h: float = 0.05
    proportional: float = 0.0
    integral: float = 1.0
    derivative: float = 0.0
    accept_safety: float = 0.81


class Controller:
    """A `StepSize` at work over a solver of an order."""

    def __init__(self, step_size: StepSize, order: float) -> None:
        p, i, d = step_size.proportional, step_size.integral, step_size.derivative
        self.h = step_size.h
        self._accept_safety = step_size.accept_safety
        self._exponents = (p + i + d) / order, -(p + 2 * d) / order, d / order
        self._inverses: tuple[float, float] | None = None

    def accepts(self, error: float) -> bool:
        """Adapt the step size to an error, of which 1 is tolerable, and tell whether the step stands."""
        inverse = 1 / (error + 1e-8)
        inverses = inverse, *(self._inverses or (inverse, inverse))
        factor = math.prod(value**exponent for value, exponent in zip(inverses, self._exponents, strict=True))
        factor = 1 + math.atan(factor - 1)
        accepted = factor >= self._accept_safety
        if accepted:
            self._inverses = inverses[:2]
        elif self._inverses is None:
            self._inverses = inverses[1:]
        self.h *= factor
        return accepted


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


@dataclass(frozen=True)
class DpmAdaptive:
    """DPM-Solver-12 or -23: its error is told by the lower order inside it, which sets the size of the steps.

    Attributes:
        order: 3, or 2.
        relative: tolerance in shares of the latent.
        absolute: tolerance; one of 256 grey levels over a range of 2.
        step_size: how large the first step is, and how the next ones follow from the errors.
        eta: share of noise that is added on the way, 0 to 1.

    """

    order: int = 3
    relative: float = 0.05
    absolute: float = 0.0078
    step_size: StepSize = StepSize()
    eta: float = 0.0

    def __call__(
        self, denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
    ) -> Tensor:
        """Return the latent at the lowest positive level; see `Sampler`."""
        ends = _ends(sigmas)
        if ends is None:
            return _jump(denoiser, x, sigmas, callback)
        now, last = torch.tensor(ends[0]), torch.tensor(ends[1])
        draw = noise.gaussian(x)
        controller, x_low_before, i = Controller(self.step_size, 1.5 if self.eta else self.order), x, 0
        while now < last - 1e-5:
            then = torch.minimum(last, now + controller.h)
            h, added = self._split(now, then, last)
            solver = _Stages(denoiser, x, now)
            callback(Step(i, float((-now).exp()), x, solver.denoised))
            x_low, x_high = self._both_orders(solver, h)
            tolerance = (self.relative * torch.maximum(x_low.abs(), x_low_before.abs())).clamp(min=self.absolute)
            if controller.accepts(float(((x_low - x_high) / tolerance).square().mean().sqrt())):
                x, x_low_before = x_high, x_low
                if added is not None:
                    x = x + draw((-now).exp(), (-then).exp()) * added
                now = then
            i += 1
        return x

    def _both_orders(self, solver: _Stages, h: Tensor) -> tuple[Tensor, Tensor]:
        if self.order == 2:
            return solver.first(h), solver.second(h)
        return solver.second(h, 1 / 3), solver.third(h)

    def _split(self, now: Tensor, then: Tensor, last: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return a step's deterministic length in lambda, and the level of the noise that is added after it."""
        if not self.eta:
            return then - now, None
        sigma_down, _ = ancestral_step((-now).exp(), (-then).exp(), self.eta)
        down = torch.minimum(last, -sigma_down.log())
        return down - now, ((-2 * then).exp() - (-2 * down).exp()).clamp(min=0).sqrt()


dpm_adaptive = DpmAdaptive()


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
