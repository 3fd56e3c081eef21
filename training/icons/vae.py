"""The picture's encoder and decoder: Stable Diffusion's autoencoder, smaller, with the same key layout.

Rombach et al. (2022). Pictures are (batch, 3, 128, 128) in -1..1; latents (batch, 4, 16, 16). The encoder gives mean
and log variance, as the family's loaders expect; here the latents are a fixed projection and the variance is tiny.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from training.icons.layers import GroupNorm, Upsample, conv, zeroed

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-6


@dataclass(frozen=True)
class VaeConfig:
    """Widths of the autoencoder, from 128 pixels (level 0) down to 16."""

    channels: int = 64
    multipliers: tuple[int, ...] = (1, 1, 2, 2)
    blocks: int = 1
    latent: int = 4


class ResBlock(nn.Module):
    """Two convolutions and a skip."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(inputs, EPS)
        self.conv1 = conv(inputs, outputs)
        self.norm2 = GroupNorm(outputs, EPS)
        self.conv2 = zeroed(conv(outputs, outputs))
        if inputs != outputs:
            self.nin_shortcut = conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x changed by the block."""
        hidden = self.conv2(self.norm2.silu(self.conv1(self.norm1.silu(x))))
        return hidden + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Each place looks at every other; one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = GroupNorm(channels, EPS)
        self.q = conv(channels, channels, 1)
        self.k = conv(channels, channels, 1)
        self.v = conv(channels, channels, 1)
        self.proj_out = zeroed(conv(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return x changed by what its places say to one another."""
        n, c, h, w = x.shape
        normal = self.norm(x)
        q, k, v = (part(normal).permute(0, 2, 3, 1).reshape(n, h * w, c) for part in (self.q, self.k, self.v))
        weights = (torch.bmm(q, k.transpose(1, 2)).float() * c**-0.5).softmax(-1).to(v.dtype)
        return x + self.proj_out(torch.bmm(weights, v).view(n, h, w, c).permute(0, 3, 1, 2))  # type: ignore[no-any-return]


class Middle(nn.Module):
    """Block, attention, block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = ResBlock(channels, channels)
        self.attn_1 = Attention(channels)
        self.block_2 = ResBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Run the three."""
        return self.block_2(self.attn_1(self.block_1(x)))  # type: ignore[no-any-return]


class Downsample(nn.Module):
    """A convolution of stride 2, padded at the right and the bottom only, as the family does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Halve height and width."""
        return self.conv(functional.pad(x, (0, 1, 0, 1)))  # type: ignore[no-any-return]


class Level(nn.Module):
    """The blocks of one resolution; ``downsample`` or ``upsample`` is there where the path goes on."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.block = nn.ModuleList([ResBlock(inputs if i == 0 else outputs, outputs) for i in range(blocks)])

    def forward(self, x: Tensor) -> Tensor:
        """Run blocks and resampling."""
        for block in self.block:
            x = block(x)
        for name in ("downsample", "upsample"):
            if hasattr(self, name):
                x = getattr(self, name)(x)
        return x


class Encoder(nn.Module):
    """Pictures to (batch, 8, 16, 16): mean and log variance before ``quant_conv``."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        self.conv_in = conv(3, widths[0])
        self.down = nn.ModuleList()
        for i, width in enumerate(widths):
            level = Level(widths[max(0, i - 1)], width, config.blocks)
            if i + 1 < len(widths):
                level.downsample = Downsample(width)
            self.down.append(level)
        self.mid = Middle(widths[-1])
        self.norm_out = GroupNorm(widths[-1], EPS)
        self.conv_out = conv(widths[-1], 2 * config.latent)

    def forward(self, x: Tensor) -> Tensor:
        """Encode."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(self.norm_out.silu(self.mid(x)))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Latents after ``post_quant_conv`` to pictures."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        self.conv_in = conv(config.latent, widths[-1])
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList()
        for i, width in enumerate(widths):
            level = Level(widths[min(i + 1, len(widths) - 1)], width, config.blocks + 1)
            if i:
                level.upsample = Upsample(width)
            self.up.append(level)
        self.norm_out = GroupNorm(widths[0], EPS)
        self.conv_out = conv(widths[0], 3)

    def forward(self, z: Tensor) -> Tensor:
        """Decode."""
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(self.norm_out.silu(x))  # type: ignore[no-any-return]


class EncoderHalf(nn.Module):
    """The half that image-to-image needs."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.quant_conv = conv(2 * config.latent, 2 * config.latent, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents."""
        mean, log_variance = self.quant_conv(self.encoder(x)).chunk(2, 1)
        return mean, log_variance


class DecoderHalf(nn.Module):
    """The half that every picture needs."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.post_quant_conv = conv(config.latent, config.latent, 1)
        self.decoder = Decoder(config)

    def forward(self, z: Tensor) -> Tensor:
        """Return pictures in about -1..1."""
        return self.decoder(self.post_quant_conv(z))  # type: ignore[no-any-return]
