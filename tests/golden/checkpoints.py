"""Makes the checkpoints that the golden results were computed with: random weights from a seed, in SD 1.5's key layout.

    python tests/golden/checkpoints.py tiny tiny_sd15.safetensors    502 MB, the UNet cut to two levels
    python tests/golden/checkpoints.py full full_sd15.safetensors    2.1 GB, the exact topology
    python tests/golden/checkpoints.py lora tiny_lora.safetensors    kohya keys, rank 4, fits both

The weights are shaped so that sampling stays bounded. The pictures mean nothing; the numbers do.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

WIDTH, TEXT_WIDTH, HEAD = 320, 768, "model.diffusion_model."


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

    def draw(self, seed: int) -> dict[str, Tensor]:
        """Draw all tensors in sorted order from one generator."""
        generator = torch.Generator().manual_seed(seed)
        return {name: _draw(*self.entries[name], generator) for name in sorted(self.entries)}


def _draw(shape: tuple[int, ...], kind: str, generator: torch.Generator) -> Tensor:
    noise = torch.randn(shape, generator=generator)
    if kind == "norm_w":
        return 1.0 + 0.05 * noise
    if kind in ("norm_b", "b"):
        return (0.05 if kind == "norm_b" else 0.02) * noise
    fan = math.prod(shape[1:]) if len(shape) > 1 else shape[0]
    return noise * ((1.0 if kind == "w" else float(kind)) / math.sqrt(fan))


class UNetShapes(Shapes):
    """The UNet of Stable Diffusion 1, with fewer levels if asked."""

    def __init__(self, multipliers: list[int], blocks: int, attention: set[int]) -> None:
        super().__init__()
        self.linear("time_embed.0", WIDTH * 4, WIDTH)
        self.linear("time_embed.2", WIDTH * 4, WIDTH * 4)
        self.conv("input_blocks.0.0", WIDTH, 4, 3)
        skips, channels, number = [WIDTH], WIDTH, 1
        for level, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                channels = self._block(f"input_blocks.{number}", channels, multiplier, level in attention)
                skips.append(channels)
                number += 1
            if level != len(multipliers) - 1:
                self.conv(f"input_blocks.{number}.0.op", channels, channels, 3)
                skips.append(channels)
                number += 1
        self.residual("middle_block.0", channels, channels)
        self.transformer("middle_block.1", channels)
        self.residual("middle_block.2", channels, channels)
        number = 0
        for level, multiplier in reversed(list(enumerate(multipliers))):
            for index in range(blocks + 1):
                name = f"output_blocks.{number}"
                channels = self._block(name, channels + skips.pop(), multiplier, level in attention)
                if level and index == blocks:
                    self.conv(f"{name}.{1 + (level in attention)}.conv", channels, channels, 3)
                number += 1
        self.norm("out.0", channels)
        self.conv("out.2", 4, channels, 3, "0.06")
        self.last = number - 1

    def _block(self, name: str, in_: int, multiplier: int, attends: bool) -> int:  # noqa: FBT001 - read off a table
        self.residual(f"{name}.0", in_, multiplier * WIDTH)
        if attends:
            self.transformer(f"{name}.1", multiplier * WIDTH)
        return multiplier * WIDTH

    def residual(self, name: str, in_: int, out: int) -> None:
        self.norm(f"{name}.in_layers.0", in_)
        self.conv(f"{name}.in_layers.2", out, in_, 3, "1.4")
        self.linear(f"{name}.emb_layers.1", out, WIDTH * 4)
        self.norm(f"{name}.out_layers.0", out)
        self.conv(f"{name}.out_layers.3", out, out, 3, "0.7")
        if in_ != out:
            self.conv(f"{name}.skip_connection", out, in_, 1)

    def transformer(self, name: str, width: int) -> None:
        self.norm(f"{name}.norm", width)
        self.conv(f"{name}.proj_in", width, width, 1)
        self.conv(f"{name}.proj_out", width, width, 1, "0.7")
        block = f"{name}.transformer_blocks.0"
        for attention, keys in (("attn1", width), ("attn2", TEXT_WIDTH)):
            self.linear(f"{block}.{attention}.to_q", width, width, "1.3", bias=False)
            self.linear(f"{block}.{attention}.to_k", width, keys, "1.3", bias=False)
            self.linear(f"{block}.{attention}.to_v", width, keys, bias=False)
            self.linear(f"{block}.{attention}.to_out.0", width, width)
        self.linear(f"{block}.ff.net.0.proj", width * 8, width)
        self.linear(f"{block}.ff.net.2", width, width * 4)
        for number in (1, 2, 3):
            self.norm(f"{block}.norm{number}", width)


class VaeShapes(Shapes):
    """The autoencoder of Stable Diffusion 1."""

    def __init__(self) -> None:
        super().__init__()
        multipliers, base = [1, 2, 4, 4], 128
        self.conv("encoder.conv_in", base, 3, 3)
        channels = base
        for level, multiplier in enumerate(multipliers):
            for block in range(2):
                self.residual(f"encoder.down.{level}.block.{block}", channels, multiplier * base)
                channels = multiplier * base
            if level < 3:
                self.conv(f"encoder.down.{level}.downsample.conv", channels, channels, 3)
        self.middle("encoder.mid", channels)
        self.norm("encoder.norm_out", channels)
        self.conv("encoder.conv_out", 8, channels, 3)
        self.conv("decoder.conv_in", channels, 4, 3)
        self.middle("decoder.mid", channels)
        for level in reversed(range(4)):
            for block in range(3):
                self.residual(f"decoder.up.{level}.block.{block}", channels, multipliers[level] * base)
                channels = multipliers[level] * base
            if level:
                self.conv(f"decoder.up.{level}.upsample.conv", channels, channels, 3)
        self.norm("decoder.norm_out", channels)
        self.conv("decoder.conv_out", 3, channels, 3, "0.6")
        self.conv("quant_conv", 8, 8, 1)
        self.conv("post_quant_conv", 4, 4, 1)

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


class ClipShapes(Shapes):
    """The text encoder of Stable Diffusion 1 (CLIP ViT-L/14)."""

    def __init__(self) -> None:
        super().__init__()
        self.entries["text_model.embeddings.token_embedding.weight"] = ((49408, TEXT_WIDTH), "1.0")
        self.entries["text_model.embeddings.position_embedding.weight"] = ((77, TEXT_WIDTH), "0.5")
        for layer in range(12):
            name = f"text_model.encoder.layers.{layer}"
            self.norm(f"{name}.layer_norm1", TEXT_WIDTH)
            self.norm(f"{name}.layer_norm2", TEXT_WIDTH)
            for part, gain in (("q_proj", "1.5"), ("k_proj", "1.5"), ("v_proj", "0.8"), ("out_proj", "0.8")):
                self.linear(f"{name}.self_attn.{part}", TEXT_WIDTH, TEXT_WIDTH, gain)
            self.linear(f"{name}.mlp.fc1", TEXT_WIDTH * 4, TEXT_WIDTH)
            self.linear(f"{name}.mlp.fc2", TEXT_WIDTH, TEXT_WIDTH * 4, "0.8")
        self.norm("text_model.final_layer_norm", TEXT_WIDTH)


def unet(*, tiny: bool) -> dict[str, Tensor]:
    """Draw a UNet whose output is about 0.93 of its input, so that trajectories stay bounded.

    Ten channels carry the input (+x0, -x0, +x1, ...) from the first convolution to the last.
    """
    shapes = UNetShapes([1, 1], 1, {0, 1}) if tiny else UNetShapes([1, 2, 4, 4], 2, {0, 1, 2})
    drawn = shapes.draw(1001)
    first = drawn["input_blocks.0.0.weight"]
    first[:10] = 0
    drawn["input_blocks.0.0.bias"][:10] = 0
    for pair, channel in enumerate((0, 1, 2, 3, 0)):
        first[2 * pair, channel, 1, 1] = 1
        first[2 * pair + 1, channel, 1, 1] = -1
    last = f"output_blocks.{shapes.last}"
    skip = drawn[f"{last}.0.skip_connection.weight"]
    skip[:10] = 0
    drawn[f"{last}.0.skip_connection.bias"][:10] = 0
    for channel in range(10):
        skip[channel, skip.shape[1] - WIDTH + channel] = 1
    for part in (".0.out_layers.3", ".1.proj_out"):
        drawn[f"{last}{part}.weight"][:10] = 0
        drawn[f"{last}{part}.bias"][:10] = 0
    out = drawn["out.2.weight"]
    out[:, :10] = 0
    for channel in range(4):
        out[channel, 2 * channel, 1, 1] = 0.93
        out[channel, 2 * channel + 1, 1, 1] = -0.93
    drawn["out.0.weight"][:10] = 1
    drawn["out.0.bias"][:10] = 0
    return drawn


def vae() -> dict[str, Tensor]:
    """Draw an autoencoder whose latents have the scale of the real one."""
    drawn = VaeShapes().draw(1002)
    drawn["quant_conv.weight"][:4] *= 6.0
    drawn["quant_conv.weight"][4:] *= 0.1
    drawn["quant_conv.bias"][4:] = -10.0
    drawn["post_quant_conv.weight"] *= 0.3
    return drawn


def checkpoint(*, tiny: bool) -> dict[str, Tensor]:
    """Draw a whole checkpoint."""
    parts: Mapping[str, dict[str, Tensor]] = {
        HEAD: unet(tiny=tiny),
        "first_stage_model.": vae(),
        "cond_stage_model.transformer.": ClipShapes().draw(1003),
    }
    return {head + name: tensor.half() for head, part in parts.items() for name, tensor in part.items()}


def lora() -> dict[str, Tensor]:
    """Draw a LoRA of rank 4 and alpha 2 for layers that both checkpoints have."""
    generator = torch.Generator().manual_seed(2001)
    drawn: dict[str, Tensor] = {}

    def add(name: str, out: int, in_: int, axes: tuple[int, ...] = ()) -> None:
        drawn[f"{name}.lora_down.weight"] = torch.randn((4, in_, *axes), generator=generator) / math.sqrt(in_)
        drawn[f"{name}.lora_up.weight"] = torch.randn((out, 4, *axes), generator=generator) * 0.3
        drawn[f"{name}.alpha"] = torch.tensor(2.0)

    block = "lora_unet_down_blocks_0_attentions_0_"
    for part in ("proj_in", "proj_out"):
        add(block + part, WIDTH, WIDTH, (1, 1))
    inner = block + "transformer_blocks_0_"
    for part, out, in_ in (
        ("attn1_to_q", WIDTH, WIDTH),
        ("attn1_to_out_0", WIDTH, WIDTH),
        ("attn2_to_k", WIDTH, TEXT_WIDTH),
        ("attn2_to_v", WIDTH, TEXT_WIDTH),
        ("ff_net_0_proj", WIDTH * 8, WIDTH),
        ("ff_net_2", WIDTH, WIDTH * 4),
    ):
        add(inner + part, out, in_)
    for layer in (0, 5, 11):
        name = f"lora_te_text_model_encoder_layers_{layer}_"
        add(f"{name}self_attn_q_proj", TEXT_WIDTH, TEXT_WIDTH)
        add(f"{name}self_attn_v_proj", TEXT_WIDTH, TEXT_WIDTH)
        add(f"{name}mlp_fc1", TEXT_WIDTH * 4, TEXT_WIDTH)
        add(f"{name}mlp_fc2", TEXT_WIDTH, TEXT_WIDTH * 4)
    return {name: tensor.half() for name, tensor in drawn.items()}


KINDS: Mapping[str, Callable[[], dict[str, Tensor]]] = {
    "tiny": lambda: checkpoint(tiny=True),
    "full": lambda: checkpoint(tiny=False),
    "lora": lora,
}


def write(kind: str, path: Path) -> None:
    """Write a file whole: drawn beside its place, then moved there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{kind}.part")
    save_file({name: tensor.contiguous() for name, tensor in KINDS[kind]().items()}, beside)
    beside.rename(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("path", type=Path)
    chosen = parser.parse_args()
    write(chosen.kind, chosen.path)
