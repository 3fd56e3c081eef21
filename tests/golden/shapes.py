"""Random networks in the original key layouts: what tensors each has, and how each is drawn to keep values bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

WIDTH, TEXT_WIDTH = 320, 768
HINT = ((3, 16), (16, 16), (16, 32), (32, 32), (32, 96), (96, 96), (96, 256), (256, WIDTH))
"""Channels of the convolutions through which a ControlNet sees its picture."""

Tensors: TypeAlias = "dict[str, Tensor]"


class Shapes:
    """Collects what tensors a network has, and how each is to be drawn."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[tuple[int, ...], str]] = {}

    def linear(self, name: str, out: int, in_: int, gain: str = "w", *, bias: bool = True) -> None:
        self.entries[f"{name}.weight"] = ((out, in_), gain)
        if bias:
            self.entries[f"{name}.bias"] = ((out,), "b")

    def conv(self, name: str, out: int, in_: int, size: int, gain: str = "w") -> None:
        self.entries[f"{name}.weight"] = ((out, in_, size, size), gain)
        self.entries[f"{name}.bias"] = ((out,), "b")

    def norm(self, name: str, channels: int) -> None:
        self.entries[f"{name}.weight"] = ((channels,), "norm_w")
        self.entries[f"{name}.bias"] = ((channels,), "norm_b")

    def draw(self, seed: int, dtype: torch.dtype = torch.float32) -> Tensors:
        """Draw all tensors in sorted order from one generator."""
        generator = torch.Generator().manual_seed(seed)
        return {name: _draw(*self.entries[name], generator).to(dtype) for name in sorted(self.entries)}


def _draw(shape: tuple[int, ...], kind: str, generator: torch.Generator) -> Tensor:
    noise = torch.randn(shape, generator=generator)
    if kind == "norm_w":
        return 1.0 + 0.05 * noise
    if kind in ("norm_b", "b"):
        return (0.05 if kind == "norm_b" else 0.02) * noise
    fan = math.prod(shape[1:]) if len(shape) > 1 else shape[0]
    return noise * ((1.0 if kind == "w" else float(kind)) / math.sqrt(fan))


class EncoderShapes(Shapes):
    """The way down and the middle of a UNet, which a ControlNet has too.

    Args:
        multipliers: channels of each level, in ``WIDTH``.
        depths: transformer blocks behind each residual block on the way down.
        middle: transformer blocks in the middle.
        context: width of a prompt's vectors.
        linear: whether the transformers' projections are linear layers.
        vector: width of the pooled conditioning; None without.
        in_channels: of the input.

    """

    def __init__(
        self,
        multipliers: Sequence[int],
        depths: Sequence[int],
        middle: int = 1,
        *,
        context: int = TEXT_WIDTH,
        linear: bool = False,
        vector: int | None = None,
        in_channels: int = 4,
    ) -> None:
        super().__init__()
        self.context, self.linear_projections = context, linear
        self.linear("time_embed.0", WIDTH * 4, WIDTH)
        self.linear("time_embed.2", WIDTH * 4, WIDTH * 4)
        if vector:
            self.linear("label_emb.0.0", WIDTH * 4, vector)
            self.linear("label_emb.0.2", WIDTH * 4, WIDTH * 4)
        self.conv("input_blocks.0.0", WIDTH, in_channels, 3)
        self.skips, self.blocks = [WIDTH], len(depths) // len(multipliers)
        left = list(depths)
        for level, multiplier in enumerate(multipliers):
            for _ in range(self.blocks):
                name = f"input_blocks.{len(self.skips)}"
                self.skips.append(self.block(name, self.skips[-1], multiplier, left.pop(0)))
            if level != len(multipliers) - 1:
                channels = self.skips[-1]
                self.conv(f"input_blocks.{len(self.skips)}.0.op", channels, channels, 3)
                self.skips.append(channels)
        self.channels = self.skips[-1]
        self.residual("middle_block.0", self.channels, self.channels)
        self.transformer("middle_block.1", self.channels, middle)
        self.residual("middle_block.2", self.channels, self.channels)

    def block(self, name: str, in_: int, multiplier: int, depth: int) -> int:
        self.residual(f"{name}.0", in_, multiplier * WIDTH)
        if depth:
            self.transformer(f"{name}.1", multiplier * WIDTH, depth)
        return multiplier * WIDTH

    def residual(self, name: str, in_: int, out: int) -> None:
        self.norm(f"{name}.in_layers.0", in_)
        self.conv(f"{name}.in_layers.2", out, in_, 3, "1.4")
        self.linear(f"{name}.emb_layers.1", out, WIDTH * 4)
        self.norm(f"{name}.out_layers.0", out)
        self.conv(f"{name}.out_layers.3", out, out, 3, "0.7")
        if in_ != out:
            self.conv(f"{name}.skip_connection", out, in_, 1)

    def transformer(self, name: str, width: int, depth: int) -> None:
        self.norm(f"{name}.norm", width)
        for part, gain in (("proj_in", "w"), ("proj_out", "0.7")):
            if self.linear_projections:
                self.linear(f"{name}.{part}", width, width, gain)
            else:
                self.conv(f"{name}.{part}", width, width, 1, gain)
        gain = "1.0" if depth < 3 else "0.5"
        for number in range(depth):
            block = f"{name}.transformer_blocks.{number}"
            for attention, keys in (("attn1", width), ("attn2", self.context)):
                self.linear(f"{block}.{attention}.to_q", width, width, "1.3", bias=False)
                self.linear(f"{block}.{attention}.to_k", width, keys, "1.3", bias=False)
                self.linear(f"{block}.{attention}.to_v", width, keys, bias=False)
                self.linear(f"{block}.{attention}.to_out.0", width, width, gain)
            self.linear(f"{block}.ff.net.0.proj", width * 8, width)
            self.linear(f"{block}.ff.net.2", width, width * 4, gain)
            for part in ("norm1", "norm2", "norm3"):
                self.norm(f"{block}.{part}", width)


class UNetShapes(EncoderShapes):
    """A UNet.

    Args:
        multipliers: as above.
        depths: as above.
        middle: as above.
        up: transformer blocks behind each residual block on the way up.
        options: as above.

    """

    def __init__(
        self,
        multipliers: Sequence[int],
        depths: Sequence[int],
        middle: int,
        up: Sequence[int],
        **options: Any,
    ) -> None:
        super().__init__(multipliers, depths, middle, **options)
        channels, left, number = self.channels, list(self.skips), 0
        for level, multiplier in reversed(list(enumerate(multipliers))):
            for index in range(self.blocks + 1):
                name = f"output_blocks.{number}"
                channels = self.block(name, channels + left.pop(), multiplier, up[number])
                if level and index == self.blocks:
                    self.conv(f"{name}.{2 if up[number] else 1}.conv", channels, channels, 3)
                number += 1
        self.norm("out.0", channels)
        self.conv("out.2", 4, channels, 3, "0.06")
        self.last = f"output_blocks.{number - 1}"

    def carrying(self, seed: int) -> Tensors:
        """Draw a UNet whose output is about 0.93 of its input, so that trajectories stay bounded.

        Ten channels carry the input (+x0, -x0, +x1, ...) from the first convolution to the last.
        """
        drawn = self.draw(seed)
        first = drawn["input_blocks.0.0.weight"]
        first[:10] = 0
        drawn["input_blocks.0.0.bias"][:10] = 0
        for pair, channel in enumerate((0, 1, 2, 3, 0)):
            first[2 * pair, channel, 1, 1] = 1
            first[2 * pair + 1, channel, 1, 1] = -1
        skip = drawn[f"{self.last}.0.skip_connection.weight"]
        skip[:10] = 0
        drawn[f"{self.last}.0.skip_connection.bias"][:10] = 0
        for channel in range(10):
            skip[channel, skip.shape[1] - WIDTH + channel] = 1
        for part in (".0.out_layers.3", ".1.proj_out"):
            if f"{self.last}{part}.weight" in drawn:
                drawn[f"{self.last}{part}.weight"][:10] = 0
                drawn[f"{self.last}{part}.bias"][:10] = 0
        out = drawn["out.2.weight"]
        out[:, :10] = 0
        for channel in range(4):
            out[channel, 2 * channel, 1, 1] = 0.93
            out[channel, 2 * channel + 1, 1, 1] = -0.93
        drawn["out.0.weight"][:10] = 1
        drawn["out.0.bias"][:10] = 0
        return drawn


class ControlShapes(EncoderShapes):
    """A ControlNet in the original layout."""

    def __init__(self, multipliers: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__(multipliers, depths)
        for number, channels in enumerate(self.skips):
            self.conv(f"zero_convs.{number}.0", channels, channels, 1, "0.6")
        self.conv("middle_block_out.0", self.channels, self.channels, 1, "0.6")
        for number, (in_, out) in enumerate(HINT):
            self.conv(f"input_hint_block.{2 * number}", out, in_, 3, "1.6")

    def sparing(self, seed: int) -> Tensors:
        """Draw a ControlNet that leaves alone the channels that carry the UNet's input."""
        drawn = self.draw(seed)
        drawn["zero_convs.0.0.weight"][:10] = 0
        drawn["zero_convs.0.0.bias"][:10] = 0
        return drawn


class VaeShapes(Shapes):
    """The autoencoder of Stable Diffusion, of 4 or, in SD 3, 16 channels."""

    def __init__(self, channels: int = 4, *, quantised: bool = True) -> None:
        super().__init__()
        self.latent, self.quantised = channels, quantised
        self._encoder([1, 2, 4, 4], 128)
        self._decoder([1, 2, 4, 4], 128)
        if quantised:
            self.conv("quant_conv", 2 * channels, 2 * channels, 1)
            self.conv("post_quant_conv", channels, channels, 1)

    def _encoder(self, multipliers: list[int], base: int) -> None:
        self.conv("encoder.conv_in", base, 3, 3)
        width = base
        for level, multiplier in enumerate(multipliers):
            for block in range(2):
                self.residual(f"encoder.down.{level}.block.{block}", width, multiplier * base)
                width = multiplier * base
            if level < 3:
                self.conv(f"encoder.down.{level}.downsample.conv", width, width, 3)
        self.middle("encoder.mid", width)
        self.norm("encoder.norm_out", width)
        self.conv("encoder.conv_out", 2 * self.latent, width, 3)

    def _decoder(self, multipliers: list[int], base: int) -> None:
        width = multipliers[-1] * base
        self.conv("decoder.conv_in", width, self.latent, 3)
        self.middle("decoder.mid", width)
        for level in reversed(range(4)):
            for block in range(3):
                self.residual(f"decoder.up.{level}.block.{block}", width, multipliers[level] * base)
                width = multipliers[level] * base
            if level:
                self.conv(f"decoder.up.{level}.upsample.conv", width, width, 3)
        self.norm("decoder.norm_out", width)
        self.conv("decoder.conv_out", 3, width, 3, "0.6")

    def residual(self, name: str, in_: int, out: int) -> None:
        self.norm(f"{name}.norm1", in_)
        self.conv(f"{name}.conv1", out, in_, 3, "1.4")
        self.norm(f"{name}.norm2", out)
        self.conv(f"{name}.conv2", out, out, 3, "0.7")
        if in_ != out:
            self.conv(f"{name}.nin_shortcut", out, in_, 1)

    def middle(self, name: str, channels: int) -> None:
        self.residual(f"{name}.block_1", channels, channels)
        self.residual(f"{name}.block_2", channels, channels)
        self.norm(f"{name}.attn_1.norm", channels)
        for part in ("q", "k", "v", "proj_out"):
            self.conv(f"{name}.attn_1.{part}", channels, channels, 1)

    def scaled(self, seed: int, gain: float = 6.0) -> Tensors:
        """Draw an autoencoder whose latents have the scale of the real one."""
        drawn = self.draw(seed)
        last = "quant_conv" if self.quantised else "encoder.conv_out"
        drawn[f"{last}.weight"][: self.latent] *= gain
        drawn[f"{last}.weight"][self.latent :] *= 0.1
        drawn[f"{last}.bias"][self.latent :] = -10.0
        if self.quantised:
            drawn["post_quant_conv.weight"] *= 0.3
        return drawn
