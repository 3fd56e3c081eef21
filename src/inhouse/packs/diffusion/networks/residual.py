"""Residual blocks of a diffusion UNet, conditioned on the timestep.

Ho et al. (2020), https://arxiv.org/abs/2006.11239, and Dhariwal and Nichol (2021), https://arxiv.org/abs/2105.05233.
"""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from inhouse.packs.diffusion.patches import Attention, Patches, Place


@dataclass(frozen=True, slots=True)
class Step:
    """What the layers of a block are told beside the feature map.

    Attributes:
        embedding: the timestep's embedding, (batch, channels).
        place: the block, and what the network was told.
        attend: computes every attention.
        patches: what is changed about the network.
        size: height and width that an upsampling must arrive at; None doubles them.

    """

    embedding: Tensor
    place: Place
    attend: Attention
    patches: Patches
    size: tuple[int, int] | None = None


def timestep_embedding(timestep: Tensor, channels: int) -> Tensor:
    """Return sines and cosines (batch, channels) of timesteps (batch,), float32; Vaswani et al. (2017), section 3.5."""
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timestep.device) / half
    angles = timestep.float()[:, None] * torch.exp(-math.log(10_000) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ResidualBlock(nn.Module):
    """Two convolutions behind group norms, the timestep's embedding added between, beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, in_channels), nn.SiLU(inplace=True), nn.Conv2d(in_channels, out_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, out_channels))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, out_channels),
            nn.SiLU(inplace=True),
            nn.Identity(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        self.skip_connection = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return (batch, out_channels, height, width)."""
        # In place: a fresh tensor of this size costs more in page faults than the addition itself.
        hidden = self.in_layers(x).add_(self.emb_layers(step.embedding)[..., None, None])
        return self.out_layers(hidden).add_(self.skip_connection(x))


class Convolution(nn.Conv2d):
    """The first block: from the latent's channels to the model's."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor, step: Step) -> Tensor:  # type: ignore[override]
        """Return (batch, out_channels, height, width)."""
        del step
        return super().forward(x)


class Downsample(nn.Module):
    """Half the height and width, rounded up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return (batch, channels, ceil(height / 2), ceil(width / 2))."""
        del step
        return self.op(x)


class Upsample(nn.Module):
    """Twice the height and width, or the size of the feature map that comes next from the other side of the U."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return (batch, channels, *step.size)."""
        size = step.size or (2 * x.shape[-2], 2 * x.shape[-1])
        return self.conv(functional.interpolate(x, size=size, mode="nearest"))
