"""A Stable Diffusion 1 checkpoint of random weights that samples in a blink, and a workflow for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.packs.diffusion.checkpoints import CLIP, prefixed, save, seeded, unet_tensors, vae_tensors

from inhouse.packs.diffusion.networks.clip import TextTransformer

NAME = "tiny.safetensors"


def write_checkpoint(folder: Path) -> Path:
    """Write ``checkpoints/tiny.safetensors`` below a models folder: CLIP's whole vocabulary, 32 to 64 channels."""
    text = seeded(TextTransformer(replace(CLIP, vocabulary=49408)), 2).state_dict()
    tensors = prefixed(unet=unet_tensors(), vae=vae_tensors(), text=dict(text))
    path = folder / "checkpoints" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(path, {name: tensor.half() for name, tensor in tensors.items()})


def text_to_image(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return a workflow in the API format that makes a 64x64 picture in two steps.

    Args:
        changes: inputs to set, by node: ``loader``, ``positive``, ``negative``, ``empty``, ``sampler``, ``decode``,
            ``save``.

    """
    nodes: dict[str, Any] = {
        "loader": ("CheckpointLoaderSimple", {"ckpt_name": NAME}),
        "positive": ("CLIPTextEncode", {"clip": ["loader", 1], "text": "a red apple"}),
        "negative": ("CLIPTextEncode", {"clip": ["loader", 1], "text": ""}),
        "empty": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 1}),
        "sampler": (
            "KSampler",
            {
                "model": ["loader", 0],
                "positive": ["positive", 0],
                "negative": ["negative", 0],
                "latent_image": ["empty", 0],
                "seed": 7,
                "steps": 2,
                "cfg": 2.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
            },
        ),
        "decode": ("VAEDecode", {"samples": ["sampler", 0], "vae": ["loader", 2]}),
        "save": ("SaveImage", {"images": ["decode", 0], "filename_prefix": "tiny"}),
    }
    return {
        name: {"class_type": kind, "inputs": {**inputs, **changes.get(name, {})}}
        for name, (kind, inputs) in nodes.items()
    }
