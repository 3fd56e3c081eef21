"""Solvers of constant signal for models whose signal fades as noise rises (rectified flow).

Their formulas are for x = x0 + sigma * noise. With x = alpha * x0 + sigma * noise, ``x / alpha`` is such a latent at
the level ``sigma / alpha``; in these variables the reverse SDE is the same: Kingma et al. (2021), Variational Diffusion
Models, section 5.1, https://arxiv.org/abs/2107.00630.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, TypeVar, cast

from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, at, ignore

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSampler
    from inhouse.packs.diffusion.prediction import Prediction

    Solver = TypeVar("Solver", bound=Callable[..., Tensor])

FIRST_SHARE = 1e-4
"""Share of the sampling that stands for its very beginning, where there is no signal to divide by."""


def for_fading_signals(solver: Solver) -> Solver:
    """Return a solver of constant signal that takes models of every signal; the others see no difference."""

    @wraps(solver)
    def solve(*arguments: object, noise: NoiseSource, callback: Callback = ignore, **options: object) -> Tensor:
        owner, (denoiser, x, sigmas) = arguments[:-3], cast("tuple[Denoiser, Tensor, Tensor]", arguments[-3:])
        prediction = denoiser.prediction
        if len(sigmas) < 2 or bool((prediction.alpha(sigmas) == 1).all()):
            return solver(*arguments, noise=noise, callback=callback, **options)
        levels = with_signal(sigmas, prediction)
        ratios = levels / prediction.alpha(levels)
        made = solver(
            *owner,
            _Unfaded(denoiser),
            x / prediction.alpha(levels[0]),
            ratios,
            noise=_Translated(noise.seed, noise.brownian_device, noise.scale, sigmas, levels),
            callback=lambda step: callback(_faded(step, prediction)),
            **options,
        )
        return made * prediction.alpha(levels[-1])

    return cast("Solver", solve)


def with_signal(sigmas: Tensor, prediction: Prediction) -> Tensor:
    """Return noise levels of which the first has some signal left."""
    if prediction.alpha(sigmas[0]) > 0:
        return sigmas
    levels = sigmas.clone()
    levels[0] = prediction.percent_to_sigma(FIRST_SHARE)
    return levels


def _signal(ratio: Tensor, level: Tensor) -> Tensor:
    """Return alpha at a level that has this ratio; near pure noise the level alone would tell it too roughly."""
    return level / ratio if ratio > 0 else 1 + ratio


def _faded(step: Step, prediction: Prediction) -> Step:
    import torch

    ratio = torch.tensor(step.sigma)
    level = prediction.level_of(ratio)
    return Step(step.index, float(level), step.x * _signal(ratio, level), step.denoised)


@dataclass(frozen=True)
class _Unfaded:
    """A denoiser as a solver of constant signal sees it."""

    denoiser: Denoiser

    @property
    def prediction(self) -> Prediction:
        return self.denoiser.prediction

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.denoiser(*self._shown(x, sigma))

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self.denoiser.pair(*self._shown(x, sigma))

    def _shown(self, x: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
        ratio = ratios.flatten()[0].cpu()
        level = self.prediction.level_of(ratio)
        return x * _signal(ratio, level), at(level, x)


@dataclass(frozen=True)
class _Translated(NoiseSource):
    """Noise whose Brownian path is over the model's own levels, of which ``levels`` are those of the solver's steps."""

    sigmas: Tensor | None = None
    levels: Tensor | None = None

    def brownian(self, x: Tensor, sigmas: Tensor) -> NoiseSampler:
        """Return the increments between the ratios that are the ends of steps."""
        assert self.sigmas is not None
        assert self.levels is not None
        draw = super().brownian(x, self.sigmas)
        level_of = dict(zip(sigmas.tolist(), self.levels, strict=True))
        return lambda ratio, ratio_next: draw(level_of[float(ratio)], level_of[float(ratio_next)])
