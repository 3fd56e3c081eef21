"""Blocks that the UNet and the VAE share, named as in the latent diffusion models' single-file checkpoints.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022). Every tensor is
(batch, channels, height, width), channels last in memory; ``GROUPS`` is the family's constant, so channels are
multiples of 32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn
from torch.nn import functional

from training.icons.kernels import GROUPS, Norm

if TYPE_CHECKING:
    from torch import Tensor

Module = TypeVar("Module", bound=nn.Module)


class GroupNorm(nn.GroupNorm):
    """Group normalisation over 32 groups; by the C kernels where gradients are wanted."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(GROUPS, channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return self._apply_norm(x, silu=False)

    def silu(self, x: Tensor) -> Tensor:
        """Normalise, then SiLU, in one go."""
        return self._apply_norm(x, silu=True)

    def _apply_norm(self, x: Tensor, *, silu: bool) -> Tensor:
        if torch.is_grad_enabled() and self.weight.requires_grad:
            return Norm.apply(x, self.weight, self.bias, self.eps, silu)  # type: ignore[no-any-return,no-untyped-call]
        y = functional.group_norm(x.float(), GROUPS, self.weight, self.bias, self.eps).to(x.dtype)
        return functional.silu(y) if silu else y


def channels_last(module: Module) -> Module:
    """Lay a module's kernels out with their channels last, which the CPU's convolutions want."""
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    """Return a convolution that keeps height and width (at stride 1)."""
    return nn.Conv2d(inputs, outputs, size, stride, size // 2)


def zeroed(module: nn.Conv2d) -> nn.Conv2d:
    """Set a convolution's weights to zero, so that its block starts as the identity."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


class Upsample(nn.Module):
    """Nearest-neighbour doubling and a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Double height and width."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))  # type: ignore[no-any-return]
