"""SA-Solver: a stochastic Adams method, whose corrector sees the noise that its predictor added.

Xue et al. (2023), https://arxiv.org/abs/2309.05019, predicting the denoised latent, with alpha = 1 and
lambda = -ln(sigma). As the authors recommend, tau is 1 in the middle of the process and 0 at its start and end, the
predictor is of third order and the corrector of fourth; both start low and end low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inhouse.packs.diffusion.samplers.adams import lagrange
from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore
from inhouse.packs.diffusion.samplers.fading import for_fading_signals

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource

STOCHASTIC = 0.2, 0.8
"""The share of the timesteps, counted from pure noise, between which a step's end must lie for it to add noise."""


@dataclass(frozen=True)
class SaSolver:
    """Predict, evaluate, correct; with ``pece`` evaluate again, and extrapolate that.

    Attributes:
        tau: share of the noise where there is any, 0 to 1.
        interval: the highest and the lowest level to which a step adds noise; None for those of `STOCHASTIC`.
        predictor_order: 1 or more.
        corrector_order: 1 or more; 0 leaves predictions as they are.
        pece: whether the corrected latent is evaluated too.
        simple_order_2: whether steps of second order take the leading term of the slope's integral for the whole,
            as the authors' code does for few steps.

    """

    tau: float = 1.0
    interval: tuple[float, float] | None = None
    predictor_order: int = 3
    corrector_order: int = 4
    pece: bool = False
    simple_order_2: bool = False

    def __call__(
        self, denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
    ) -> Tensor:
        """Return the latent at the last level; see `Sampler`."""
        return self._solve(denoiser, x, sigmas, noise=noise, callback=callback)

    @for_fading_signals
    def _solve(
        self, denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback
    ) -> Tensor:
        prediction = denoiser.prediction
        draw = noise.gaussian(x)
        first, last = self.interval or (prediction.percent_to_sigma(share) for share in STOCHASTIC)
        levels, ends = sigmas.tolist(), prediction.level_of(sigmas[1:]).tolist()
        lambdas = [-math.log(level) for level in levels if level > 0]
        history: list[Tensor] = []
        start, added, tau = x, None, 0.0
        for i, sigma in enumerate(sigmas[:-1]):
            denoised = denoiser(x, at(sigma, x))
            callback(Step(i, levels[i], x, denoised))
            if i and self.corrector_order:
                order = min(self.corrector_order, i + 1, len(lambdas) - i)
                nodes = lambdas[i + 1 - order : i + 1][::-1]
                x = self._integrate(start, [denoised, *history], nodes, lambdas[i - 1 : i + 1], tau, added)
                if self.pece:
                    denoised = denoiser(x, at(sigma, x))
            if levels[i + 1] == 0:
                return denoised
            history = [denoised, *history][: max(self.predictor_order, self.corrector_order - 1)]
            start, added, tau = x, None, self.tau if last <= ends[i] <= first else 0.0
            if tau:
                fade = (levels[i + 1] / levels[i]) ** (2 * tau**2)
                added = draw(sigma, sigmas[i + 1]) * (levels[i + 1] * math.sqrt(1 - fade))
            order = min(self.predictor_order, i + 1, len(lambdas) - 1 - i)
            nodes = lambdas[i + 1 - order : i + 1][::-1]
            x = self._integrate(start, history, nodes, lambdas[i : i + 2], tau, added)
        return x

    def _integrate(
        self, x: Tensor, denoised: list[Tensor], nodes: list[float], step: list[float], tau: float, added: Tensor | None
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
            weight = (basis(times) * weights).sum()
            if self.simple_order_2 and len(nodes) == 2:
                weight = basis(0) * weights.sum() + basis.deriv()(0) * decay * h**2 / 2
            result = result + float(weight) * value
        return result if added is None else result + added


sa_solver = SaSolver()
sa_solver_pece = SaSolver(pece=True)
