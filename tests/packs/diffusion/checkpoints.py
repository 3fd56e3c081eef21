"""Small models in every arrangement that files come in, made from a seed."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors.torch import save_file

from inhouse.packs.diffusion.networks.autoencoder import Autoencoder, AutoencoderSpec
from inhouse.packs.diffusion.networks.clip import TextSpec, TextTransformer
from inhouse.packs.diffusion.networks.unet import BlockSpec, UNet, UNetSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    N = TypeVar("N", bound=nn.Module)

SD1 = UNetSpec(
    channels=32,
    out_channels=4,
    context=64,
    vector=None,
    linear=False,
    head_channels=None,
    input=(BlockSpec(4, 32, 0, "in"), BlockSpec(32, 32, 1), BlockSpec(32, 32, 0, "down"), BlockSpec(32, 64, 1)),
    output=(BlockSpec(128, 64, 1), BlockSpec(96, 64, 1, "up"), BlockSpec(96, 32, 1), BlockSpec(64, 32, 1)),
    middle_depth=1,
)
SD2 = replace(
    SD1,
    channels=64,
    linear=True,
    head_channels=64,
    input=(BlockSpec(4, 64, 0, "in"), BlockSpec(64, 64, 1), BlockSpec(64, 64, 0, "down"), BlockSpec(64, 128, 1)),
    output=(BlockSpec(256, 128, 1), BlockSpec(192, 128, 1, "up"), BlockSpec(192, 64, 1), BlockSpec(128, 64, 1)),
)
VAE = AutoencoderSpec(3, 4, (32, 64), (32, 64), 1, 2, quantised=True)
CLIP = TextSpec("clip_l", 64, 2, 1, 128, 100, 77, "quick_gelu", None, -1, 49407)

PREFIXES = MappingProxyType(
    {"unet": "model.diffusion_model.", "vae": "first_stage_model.", "text": "cond_stage_model.transformer."}
)


def seeded(network: N, seed: int = 0) -> N:
    """Give a network values of a size that keeps its outputs near one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(network.named_parameters()):
            fan = math.prod(parameter.shape[1:]) if parameter.ndim > 1 else 100
            noise = torch.randn(parameter.shape, generator=generator) / math.sqrt(fan)
            norm = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(1 + noise if norm else noise)
    return network.eval()


@cache
def _unet(spec: UNetSpec, seed: int) -> dict[str, Tensor]:
    return dict(seeded(UNet(spec), seed).state_dict())


@cache
def _vae(seed: int) -> dict[str, Tensor]:
    return dict(seeded(Autoencoder(VAE), seed).state_dict())


@cache
def _text(seed: int) -> dict[str, Tensor]:
    return dict(seeded(TextTransformer(CLIP), seed).state_dict())


def unet_tensors(spec: UNetSpec = SD1, seed: int = 0) -> dict[str, Tensor]:
    """Return a UNet's tensors as files have them."""
    tensors = dict(_unet(spec, seed))
    for name in tensors:
        if not spec.linear and name.endswith((".proj_in.weight", ".proj_out.weight")):
            tensors[name] = tensors[name][..., None, None]
    return tensors


def vae_tensors(seed: int = 1) -> dict[str, Tensor]:
    """Return an autoencoder's tensors as files have them."""
    tensors = _vae(seed)
    return {name: t[..., None, None] if "attn_1" in name and t.ndim == 2 else t for name, t in tensors.items()}


def text_tensors(seed: int = 2) -> dict[str, Tensor]:
    """Return a text model's tensors as files have them."""
    return dict(_text(seed))


def prefixed(**parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint with these parts."""
    return {PREFIXES[part] + name: tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def save(path: Path, tensors: dict[str, Tensor], **metadata: str) -> Path:
    """Write tensors to a file."""
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path, metadata=metadata or None)
    return path


def save_checkpoint(path: Path, spec: UNetSpec = SD1, **metadata: str) -> Path:
    """Write a whole checkpoint."""
    return save(path, prefixed(unet=unet_tensors(spec), vae=vae_tensors(), text=text_tensors()), **metadata)
