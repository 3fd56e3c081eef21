"""The autoencoder between pictures and latents (Esser et al. 2021, https://arxiv.org/abs/2012.09841)."""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.networks.numbering import consecutive


@dataclass(frozen=True, slots=True)
class AutoencoderSpec:
    """An autoencoder's architecture, read off its parameters' shapes.

    Attributes:
        picture_channels: 3.
        latent_channels: 4 in Stable Diffusion 1, 2 and XL, 16 in 3.
        encoder: channels of its levels, the finest first; () where the file has no encoder.
        decoder: channels of its levels, the finest first; () where the file has no decoder.
        encoder_blocks: residual blocks a level.
        decoder_blocks: residual blocks a level.
        quantised: whether 1x1 convolutions stand between encoder, latent and decoder.

    """

    picture_channels: int
    latent_channels: int
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    encoder_blocks: int
    decoder_blocks: int
    quantised: bool

    @property
    def downscale(self) -> int:
        """Pixels a latent position, along each side."""
        return int(2 ** (max(len(self.encoder), len(self.decoder)) - 1))

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> Self:
        """Read the architecture off the shapes of parameters named ``decoder.conv_in.weight`` and so on.

        Raises:
            KeyError: there is neither an encoder nor a decoder.

        """
        if "decoder.conv_in.weight" in shapes:
            latent, picture = shapes["decoder.conv_in.weight"][1], shapes["decoder.conv_out.weight"][0]
        else:
            latent, picture = shapes["encoder.conv_out.weight"][0] // 2, shapes["encoder.conv_in.weight"][1]
        encoder, encoder_blocks = _levels(shapes, "encoder.down")
        decoder, decoder_blocks = _levels(shapes, "decoder.up")
        quantised = "post_quant_conv.weight" in shapes or "quant_conv.weight" in shapes
        return cls(picture, latent, encoder, decoder, encoder_blocks, decoder_blocks, quantised)


def _levels(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> tuple[tuple[int, ...], int]:
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.block\.(\d+)\.conv2\.weight")
    found = {(int(m[1]), int(m[2])): shapes[m[0]][0] for m in map(pattern.fullmatch, shapes) if m}
    levels = consecutive(level for level, _ in found)
    blocks = consecutive(block for _, block in found)
    return tuple(found[level, 0] for level in range(levels)), blocks


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class Residual(nn.Module):
    """Two convolutions behind group norms, beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = _norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = _norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.nin_shortcut = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, out_channels, height, width)."""
        hidden = self.conv1(functional.silu(self.norm1(x), inplace=True))
        hidden = self.conv2(functional.silu(self.norm2(hidden), inplace=True))
        return hidden.add_(self.nin_shortcut(x))


class SpatialAttention(nn.Module):
    """Self-attention, of one head, over the positions of a feature map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Return a feature map of the same shape."""
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        mixed = self.proj_out(sdpa(self.q(tokens), self.k(tokens), self.v(tokens), 1))
        return x + mixed.transpose(1, 2).unflatten(2, x.shape[-2:])


class Middle(nn.Module):
    """The coarsest level's blocks, with attention between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = Residual(channels, channels)
        self.attn_1 = SpatialAttention(channels)
        self.block_2 = Residual(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a feature map of the same shape."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample(nn.Module):
    """Half the height and width; the edge is padded on the right and at the bottom only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, height / 2, width / 2)."""
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Twice the height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, 2 height, 2 width)."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Residual blocks of one resolution, then a step to the next."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, step: str) -> None:
        super().__init__()
        widths = [in_channels, *[out_channels] * (blocks - 1)]
        self.block = nn.ModuleList(Residual(width, out_channels) for width in widths)
        self.downsample = Downsample(out_channels) if step == "down" else nn.Identity()
        self.upsample = Upsample(out_channels) if step == "up" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature map that the next level takes."""
        for block in self.block:
            x = block(x)
        return self.upsample(self.downsample(x))


class Encoder(nn.Module):
    """From a picture to the moments of its latent."""

    def __init__(self, spec: AutoencoderSpec) -> None:
        super().__init__()
        levels = spec.encoder
        self.conv_in = nn.Conv2d(spec.picture_channels, levels[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(levels[max(0, i - 1)], width, spec.encoder_blocks, "down" if i < len(levels) - 1 else "")
            for i, width in enumerate(levels)
        )
        self.mid = Middle(levels[-1])
        self.norm_out = _norm(levels[-1])
        self.conv_out = nn.Conv2d(levels[-1], 2 * spec.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, 2 latent_channels, height / downscale, width / downscale)."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(functional.silu(self.norm_out(self.mid(x)), inplace=True))


class Decoder(nn.Module):
    """From a latent to a picture."""

    def __init__(self, spec: AutoencoderSpec) -> None:
        super().__init__()
        levels = spec.decoder
        self.conv_in = nn.Conv2d(spec.latent_channels, levels[-1], 3, padding=1)
        self.mid = Middle(levels[-1])
        self.up = nn.ModuleList(
            Level(levels[min(i + 1, len(levels) - 1)], width, spec.decoder_blocks, "up" if i else "")
            for i, width in enumerate(levels)
        )
        self.norm_out = _norm(levels[0])
        self.conv_out = nn.Conv2d(levels[0], spec.picture_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, picture_channels, height * downscale, width * downscale)."""
        x = self.mid(self.conv_in(x))
        for level in reversed(list(self.up)):
            x = level(x)
        return self.conv_out(functional.silu(self.norm_out(x), inplace=True))


class Autoencoder(nn.Module):
    """Encoder and decoder with what stands between."""

    stage = "vae"
    """What it works on, for profiles."""

    def __init__(self, spec: AutoencoderSpec) -> None:
        super().__init__()
        self.spec = spec
        channels = spec.latent_channels
        if spec.encoder:
            self.encoder = Encoder(spec)
            self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1) if spec.quantised else nn.Identity()
        if spec.decoder:
            self.decoder = Decoder(spec)
            self.post_quant_conv = nn.Conv2d(channels, channels, 1) if spec.quantised else nn.Identity()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latent of pictures (batch, channels, height, width), -1 to 1."""
        mean, log_variance = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, latent: Tensor) -> Tensor:
        """Return pictures (batch, channels, height, width), about -1 to 1."""
        return self.decoder(self.post_quant_conv(latent))
