"""A network whose output can be foretold, for tests of what lies around networks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.noise_levels import DiscreteLevels
from inhouse.packs.diffusion.patches import UNPATCHED, Patches, Place
from inhouse.packs.diffusion.prediction import Prediction, Sample
from inhouse.packs.diffusion.unet import LatentFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def sample_prediction() -> Prediction:
    return Sample(DiscreteLevels.from_betas())


@dataclass(frozen=True, eq=False)
class FakeNetwork:
    """Predicts, as the clean latent, the mean of each sample's text vectors; notes what it was asked.

    Attributes:
        calls: shape of x and context of each call.
        inputs: what it was told, call by call.
        patched: the patches that it was given, likewise.
        largest: samples that fit its memory.
        context_width: channels of the text's vectors.
        in_channels: channels that it takes; those beyond the latent's are noted in ``beside``.
        beside: the last such channels, call by call.

    """

    prediction: Prediction = field(default_factory=sample_prediction)
    latent_format: LatentFormat = field(default_factory=lambda: LatentFormat(scale_factor=0.5))
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    calls: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    inputs: list[NetworkInputs] = field(default_factory=list)
    patched: list[Patches] = field(default_factory=list)
    patches: Patches = UNPATCHED
    text_repeats: bool = True
    largest: int = 1000
    context_width: int = 4
    in_channels: int = 4
    beside: list[Tensor] = field(default_factory=list)

    attention: None = None
    dtype: torch.dtype = torch.float32

    @property
    def spec(self) -> FakeNetwork:
        return self

    @property
    def network(self) -> FakeNetwork:
        return self

    def hold(self) -> AbstractContextManager[FakeNetwork]:
        return nullcontext(self)

    def conditioner(self, options: Mapping[str, Any], latent_size: tuple[int, int]) -> Mapping[str, Tensor]:
        del latent_size
        return {name: options[name] for name in ("vector",) if name in options}

    def predict(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, *, patches: Patches = UNPATCHED) -> Tensor:
        context = inputs.context
        assert len(x) == len(timestep) == len(context)
        if len(x) > self.largest:
            message = "DefaultCPUAllocator: not enough memory"
            raise RuntimeError(message)
        self.calls.append((tuple(x.shape), tuple(context.shape)))
        self.inputs.append(inputs)
        self.patched.append(patches)
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


def place(part: str = "middle", block: int = 0, tokens: int = 7, width: int = 16) -> Place:
    """Return a place in a network that is told one sample's text of zeros, at timestep 1."""
    return Place(part, block, NetworkInputs(torch.zeros(1, tokens, width)), torch.ones(1), (8, 8))
