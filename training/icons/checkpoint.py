"""Reading the shipped file back, with nothing but its keys and shapes to go by, as any loader of the family does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from training.icons.export import TEXT, UNET, VAE
from training.icons.latents import SCALE, SIDE
from training.icons.layers import channels_last
from training.icons.sampling import SAMPLERS, SCHEDULES, guided
from training.icons.text import POSITIONS, TextConfig, TextModel
from training.icons.tokens import pad
from training.icons.unet import UNet, UNetConfig
from training.icons.vae import DecoderHalf, EncoderHalf, VaeConfig

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors under a prefix, without it, as float32."""
    return {key.removeprefix(prefix): value.float() for key, value in tensors.items() if key.startswith(prefix)}


def unet_config(weights: dict[str, Tensor]) -> UNetConfig:
    """Read the UNet's widths off its weights."""
    channels = weights["input_blocks.0.0.weight"].shape[0]
    multipliers: list[int] = []
    attention: list[int] = []
    blocks, stage = 0, 1
    while f"input_blocks.{stage}.0.in_layers.2.weight" in weights:
        level = len(multipliers)
        multipliers.append(weights[f"input_blocks.{stage}.0.in_layers.2.weight"].shape[0] // channels)
        if f"input_blocks.{stage}.1.norm.weight" in weights:
            attention.append(level)
        blocks = 0
        while f"input_blocks.{stage}.0.in_layers.2.weight" in weights:
            blocks, stage = blocks + 1, stage + 1
        stage += 1
    context = next(w.shape[1] for key, w in weights.items() if key.endswith("attn2.to_k.weight"))
    return UNetConfig(channels, tuple(multipliers), tuple(attention), blocks, context)


def vae_config(weights: dict[str, Tensor]) -> VaeConfig:
    """Read the VAE's widths off its weights."""
    channels = weights["encoder.conv_in.weight"].shape[0]
    found = (re.match(r"encoder\.down\.(\d+)\.block\.(\d+)\.", key) for key in weights)
    places = [(int(match[1]), int(match[2])) for match in found if match]
    levels, blocks = max(level for level, _ in places) + 1, max(block for _, block in places) + 1
    widths = [weights[f"encoder.down.{level}.block.0.conv2.weight"].shape[0] for level in range(levels)]
    return VaeConfig(channels, tuple(width // channels for width in widths), blocks)


def text_config(weights: dict[str, Tensor]) -> TextConfig:
    """Read the text encoder's sizes off its weights."""
    table = weights["embeddings.token_embedding.weight"]
    layers = len({key.split(".")[2] for key in weights if key.startswith("encoder.layers.")})
    return TextConfig(table.shape[0], table.shape[1], layers)


@dataclass(frozen=True)
class Settings:
    """How to draw."""

    sampler: str = "dpmpp_2m"
    schedule: str = "karras"
    steps: int = 20
    cfg: float = 3.0


@dataclass(frozen=True)
class Model:
    """The file's three parts, ready to draw."""

    unet: UNet
    text: TextModel
    decoder: DecoderHalf
    encoder: EncoderHalf

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the file; RuntimeError if a key is missing, strange or of the wrong shape."""
        tensors = load_file(path)
        unet, vae, text = part(tensors, UNET), part(tensors, VAE), part(tensors, TEXT)
        unet.pop("v_pred", None)
        models = (
            UNet(unet_config(unet)),
            TextModel(text_config(text)),
            DecoderHalf(vae_config(vae)),
            EncoderHalf(vae_config(vae)),
        )
        inner = ("decoder.", "post_quant_conv."), ("encoder.", "quant_conv.")
        halves = [{key: value for key, value in vae.items() if key.startswith(names)} for names in inner]
        for model, weights in zip(models, (unet, text, *halves), strict=True):
            model.load_state_dict(weights)
            channels_last(model.requires_grad_(requires_grad=False).eval())
        return cls(*models)

    @torch.no_grad()
    def draw(self, prompts: list[str], seeds: list[int], settings: Settings = Settings()) -> Tensor:
        """Draw each prompt from its seed: (prompts, 3, 128, 128) in 0..1."""
        noise = [torch.randn(4, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        sigmas = SCHEDULES[settings.schedule](settings.steps)
        with torch.autocast("cpu", torch.bfloat16):
            context = self.text(pad([*prompts, ""], POSITIONS))
            denoise = guided(self.unet, context[:-1], context[-1:], settings.cfg)
            latents = SAMPLERS[settings.sampler](denoise, torch.stack(noise) * (sigmas[0] ** 2 + 1).sqrt(), sigmas)
            said = [self.decoder(row[None] / SCALE).float() for row in latents]
        return (torch.cat(said) / 2 + 0.5).clamp(0, 1)

    @torch.no_grad()
    def round_trip(self, pictures: Tensor) -> Tensor:
        """Encode and decode pictures (batch, 3, 128, 128) in 0..1."""
        said = []
        with torch.autocast("cpu", torch.bfloat16):
            for picture in pictures:
                mean, _ = self.encoder((picture[None] * 2 - 1).contiguous(memory_format=torch.channels_last))
                said.append(self.decoder(mean).float())
        return (torch.cat(said) / 2 + 0.5).clamp(0, 1)
