"""The denoiser: Stable Diffusion 1's UNet, smaller, with the same key layout.

Ho et al. (2020) for the shape, Rombach et al. (2022) for the cross-attention, Salimans and Ho (2022) for v-prediction.
What a loader needs is read off keys and shapes: ``model_channels`` from the first convolution, the multipliers from the
residual blocks, the levels with attention from the presence of ``.1.transformer_blocks``; the heads are 8 everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from training.icons.layers import GroupNorm, Upsample, conv, zeroed

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class UNetConfig:
    """Widths of the denoiser. ``attention`` holds the levels (0 is 16x16) that look at the text."""

    channels: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4)
    attention: tuple[int, ...] = (1, 2)
    blocks: int = 1
    context: int = 128
    latent: int = 4
    heads: int = 8


def timestep_embedding(timesteps: Tensor, width: int) -> Tensor:
    """Return cosines then sines of the timesteps (0..999), shape (batch, width), float32."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, dtype=torch.float32) / half)
    angles = timesteps.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], 1)


class NormSilu(GroupNorm):
    """Group norm and SiLU; the family counts them as two layers, so an identity follows."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, then SiLU."""
        return self.silu(x)


class ResBlock(nn.Module):
    """Two convolutions around the timestep's embedding, and a skip."""

    def __init__(self, inputs: int, embedding: int, outputs: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(NormSilu(inputs), nn.Identity(), conv(inputs, outputs))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, outputs))
        self.out_layers = nn.Sequential(NormSilu(outputs), nn.Identity(), nn.Identity(), zeroed(conv(outputs, outputs)))
        self.skip_connection = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return x changed by the block; ``embedding`` is (batch, embedding)."""
        hidden = self.in_layers(x) + self.emb_layers(embedding)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(hidden)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head attention of (batch, tokens, width) on itself or on a context."""

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Identity())

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Return what each token gathers; written out, since fused kernels are slower on so few tokens."""
        n, tokens, width = x.shape
        head = width // self.heads

        def split(y: Tensor) -> Tensor:
            return y.view(n, -1, self.heads, head).transpose(1, 2).reshape(n * self.heads, -1, head)

        scores = torch.bmm(split(self.to_q(x)), split(self.to_k(context)).transpose(1, 2)) * head**-0.5
        values = split(self.to_v(context))
        gathered = torch.bmm(scores.float().softmax(-1).to(values.dtype), values)
        merged = gathered.view(n, self.heads, tokens, head).transpose(1, 2).reshape(n, tokens, width)
        return self.to_out(merged)  # type: ignore[no-any-return]


class GEGLU(nn.Module):
    """Gated GELU (Shazeer, 2020)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, outputs * 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return values times GELU of gates."""
        values, gates = self.proj(x).chunk(2, -1)
        return values * functional.gelu(gates)  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """Widen four times, gate, narrow."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GEGLU(width, width * 4), nn.Identity(), nn.Linear(width * 4, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, tokens, width)."""
        return self.net(x)  # type: ignore[no-any-return]


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention, feed-forward; norms first."""

    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.attn1 = Attention(width, width, heads)
        self.ff = FeedForward(width)
        self.attn2 = Attention(width, context, heads)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Return (batch, tokens, width)."""
        normal = self.norm1(x)
        x = x + self.attn1(normal, normal)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))  # type: ignore[no-any-return]


class SpatialTransformer(nn.Module):
    """A transformer over the places of a feature map."""

    def __init__(self, channels: int, context: int, heads: int) -> None:
        super().__init__()
        self.norm = GroupNorm(channels, 1e-6)
        self.proj_in = conv(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, context, heads)])
        self.proj_out = zeroed(conv(channels, channels, 1))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Return x changed by what its places and the text (batch, 77, context) say."""
        n, c, h, w = x.shape
        tokens = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).reshape(n, h * w, c)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        return x + self.proj_out(tokens.view(n, h, w, c).permute(0, 3, 1, 2))  # type: ignore[no-any-return]


class Downsample(nn.Module):
    """A convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = conv(channels, channels, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Halve height and width."""
        return self.op(x)  # type: ignore[no-any-return]


class Stage(nn.Sequential):
    """Layers in a row, each given what it takes."""

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor) -> Tensor:  # type: ignore[override]
        """Run the layers."""
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, embedding)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context)
            else:
                x = layer(x)
        return x


class UNet(nn.Module):
    """Latents (batch, 4, 16, 16), timesteps (batch,) and text (batch, tokens, context) to v (batch, 4, 16, 16)."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        width, embedding = config.channels, config.channels * 4
        self.time_embed = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.input_blocks = nn.ModuleList([Stage(conv(config.latent, width))])
        skips = self._descend(width, embedding)
        width = config.channels * config.multipliers[-1]
        self.middle_block = Stage(
            ResBlock(width, embedding, width), self._transformer(width), ResBlock(width, embedding, width)
        )
        self.output_blocks = nn.ModuleList()
        width = self._ascend(width, embedding, skips)
        self.out = nn.Sequential(NormSilu(width), nn.Identity(), zeroed(conv(width, config.latent)))

    def _transformer(self, width: int) -> SpatialTransformer:
        return SpatialTransformer(width, self.config.context, self.config.heads)

    def _descend(self, width: int, embedding: int) -> list[int]:
        skips = [width]
        for level, multiplier in enumerate(self.config.multipliers):
            outputs = self.config.channels * multiplier
            for _ in range(self.config.blocks):
                stage = Stage(ResBlock(width, embedding, outputs))
                width = outputs
                if level in self.config.attention:
                    stage.append(self._transformer(width))
                self.input_blocks.append(stage)
                skips.append(width)
            if level + 1 < len(self.config.multipliers):
                self.input_blocks.append(Stage(Downsample(width)))
                skips.append(width)
        return skips

    def _ascend(self, width: int, embedding: int, skips: list[int]) -> int:
        for level, multiplier in reversed(list(enumerate(self.config.multipliers))):
            outputs = self.config.channels * multiplier
            for block in range(self.config.blocks + 1):
                stage = Stage(ResBlock(width + skips.pop(), embedding, outputs))
                width = outputs
                if level in self.config.attention:
                    stage.append(self._transformer(width))
                if level and block == self.config.blocks:
                    stage.append(Upsample(width))
                self.output_blocks.append(stage)
        return width

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """Predict v at ``timesteps`` (0..999)."""
        embedding = self.time_embed(timestep_embedding(timesteps, self.config.channels))
        skips = []
        for stage in self.input_blocks:
            x = stage(x, embedding, context)
            skips.append(x)
        x = self.middle_block(x, embedding, context)
        for stage in self.output_blocks:
            x = stage(torch.cat([x, skips.pop()], 1), embedding, context)
        return self.out(x)  # type: ignore[no-any-return]
