"""A network whose output can be foretold, for tests of what lies around networks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from inhouse.packs.diffusion.noise_levels import DiscreteLevels
from inhouse.packs.diffusion.prediction import Prediction, Sample
from inhouse.packs.diffusion.unet import LatentFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def sample_prediction() -> Prediction:
    return Sample(DiscreteLevels.from_betas())


@dataclass(frozen=True)
class FakeNetwork:
    """Predicts, as the clean latent, the mean of each sample's text vectors; notes what it was asked.

    Attributes:
        calls: shape of x and context of each call.
        extras: what else it was given, call by call.
        largest: samples that fit its memory.
        in_channels: channels that it takes; those beyond the latent's are noted in ``beside``.
        beside: the last such channels, call by call.

    """

    prediction: Prediction = field(default_factory=sample_prediction)
    latent_format: LatentFormat = field(default_factory=lambda: LatentFormat(scale_factor=0.5))
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    calls: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    extras: list[dict[str, Any]] = field(default_factory=list)
    largest: int = 1000
    in_channels: int = 4
    beside: list[Tensor] = field(default_factory=list)

    def predict(self, x: Tensor, timestep: Tensor, context: Tensor, **extra: Any) -> Tensor:
        assert len(x) == len(timestep) == len(context)
        if len(x) > self.largest:
            message = "DefaultCPUAllocator: not enough memory"
            raise RuntimeError(message)
        self.calls.append((tuple(x.shape), tuple(context.shape)))
        self.extras.append(extra)
        assert x.shape[1] == self.in_channels
        x, beside = x[:, :4], x[:, 4:]
        self.beside.append(beside)
        with torch.inference_mode():
            return context.mean(dim=(1, 2))[:, None, None, None].expand(x.shape).clone()

    def with_options(self, **options: Any) -> FakeNetwork:
        return replace(self, options={**self.options, **options})


def text(value: float, tokens: int = 77, **options: Any) -> list[list[Any]]:
    """Return a conditioning of one entry, under which the network predicts ``value``."""
    return [[torch.full((1, tokens, 4), float(value)), options]]
