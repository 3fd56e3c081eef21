"""Noise levels as values: tensors of shape (steps + 1,), in falling order. Functions here return new ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion.curves import through
from inhouse.packs.diffusion.noise_levels import DiscreteLevels

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.prediction import Prediction

DISTILLED = torch.arange(10, 0, -1) * 100 - 1
"""The timesteps that adversarial distillation trains: Sauer et al. (2023), https://arxiv.org/abs/2311.17042."""
_NEARLY_ZERO = 1e-4
"""The level from which a sampling backwards starts: at 0 no direction is defined."""


def split(sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Return the levels of the first ``step`` steps, and those of the rest."""
    return sigmas[: step + 1], sigmas[step:]


def split_by_share(sigmas: Tensor, denoise: float) -> tuple[Tensor, Tensor]:
    """Return the levels of the first steps, and those of the last, which are the share ``denoise`` (0 to 1) of all."""
    steps = max(len(sigmas) - 1, 0)
    return split(sigmas, steps - round(steps * denoise))


def flipped(sigmas: Tensor) -> Tensor:
    """Return the levels in rising order, to go back from a picture to its noise."""
    risen = sigmas.flip(0)
    if len(risen) and risen[0] == 0:
        risen[0] = _NEARLY_ZERO
    return risen


def with_first(sigmas: Tensor, sigma: float) -> Tensor:
    """Return the same steps from another level."""
    changed = sigmas.clone()
    changed[:1] = sigma
    return changed


SPACINGS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "linear": lambda share: share,
        "cosine": lambda share: (share * math.pi / 2).sin(),
        "sine": lambda share: 1 - (share * math.pi / 2).cos(),
    }
)
"""How far to go between two levels at a share of the steps between: even, fast at first, slow at first."""


def extended(sigmas: Tensor, steps: int, start: float, end: float, spacing: str = "linear") -> Tensor:
    """Divide each step that starts at a level from ``start`` down to ``end`` into several.

    Args:
        sigmas: the levels.
        steps: how many each becomes, 1 or more.
        start: the highest level of a step that is divided; below 0 there is none.
        end: the lowest.
        spacing: one of `SPACINGS`.

    """
    highest = math.inf if start < 0 else start
    shares = SPACINGS[spacing](torch.linspace(0, 1, steps + 1, dtype=sigmas.dtype)[1:-1])
    parts = []
    for sigma, sigma_next in pairwise(sigmas):
        parts.append(sigma[None])
        if end <= sigma <= highest:
            parts.append(sigma + shares * (sigma_next - sigma))
    return torch.cat([*parts, sigmas[-1:]])


def turbo(prediction: Prediction, steps: int, denoise: float = 1.0) -> Tensor:
    """Return the levels of the first of the timesteps that a distilled model knows, `DISTILLED`.

    Args:
        prediction: has the levels.
        steps: 1 to 10.
        denoise: the share of the timesteps from which the first ones are taken.

    """
    first = len(DISTILLED) - int(len(DISTILLED) * denoise)
    sigmas = prediction.sigma(DISTILLED[first : first + steps])
    return torch.cat([sigmas, sigmas.new_zeros(1)])


_ALIGNED_TIMESTEPS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "SD1": (999, 850, 736, 645, 545, 455, 343, 233, 124, 24, 0),
        "SDXL": (999, 845, 730, 587, 443, 310, 193, 116, 53, 13, 0),
    }
)
_ALIGNED_VIDEO = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)


def align_your_steps(model_type: str, steps: int, denoise: float = 1.0) -> Tensor:
    """Return schedules that were optimised for a family.

    Sabour et al. (2024), Align Your Steps, https://arxiv.org/abs/2404.14507; tables and interpolation of
    https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html.

    Args:
        model_type: ``SD1``, ``SDXL`` or ``SVD``.
        steps: 1 or more; those of the whole schedule.
        denoise: the share of it, counted from its end, that is returned; 0 returns nothing.

    """
    if model_type == "SVD":
        points = list(_ALIGNED_VIDEO)
    else:
        points = DiscreteLevels.from_betas().sigmas[list(_ALIGNED_TIMESTEPS[model_type])].tolist()
    kept = steps if denoise >= 1 else round(steps * denoise)
    return through(points, steps)[-(kept + 1) :] if kept > 0 else torch.empty(0)
