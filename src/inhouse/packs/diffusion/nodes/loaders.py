"""Nodes that load models: checkpoints, UNets, text encoders, autoencoders, LoRA files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from inhouse import Choices, Context, Range, Widget, node
from inhouse.backends.batching import Batches
from inhouse.backends.compute import Compute
from inhouse.backends.file_pool import FilePool
from inhouse.backends.residency import Residency
from inhouse.models.catalogue import ModelCatalogue
from inhouse.packs.diffusion.text.encoder import needed
from inhouse.packs.diffusion.wires import Clip, Model, Vae

if TYPE_CHECKING:
    from pathlib import Path

    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.lora_file import Lora
    from inhouse.packs.diffusion.text.encoder import TextEncoder
    from inhouse.packs.diffusion.text_model import TextModels

Strength = Annotated[float, Range(-100, 100, step=0.01)]

ADVANCED = Widget({"advanced": True})
"""For inputs that a canvas hides until asked."""


class Loaded(NamedTuple):
    """What a checkpoint holds; None for a part that it lacks."""

    MODEL: Model
    CLIP: Clip | None
    VAE: Vae | None


class Patched(NamedTuple):
    """A model and a text encoder with a LoRA on them."""

    MODEL: Model
    CLIP: Clip | None


def file_state(kind: str, name: str, context: Context) -> Any:
    """Return what tells one state of a model file from another: its path, size and time of change.

    Weights are gigabytes; hashing them at each run would cost more than most runs.
    """
    path = context.service(ModelCatalogue).path(kind, name)
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]


def _checkpoint_state(*, ckpt_name: str, context: Context) -> Any:
    return file_state("checkpoints", ckpt_name, context)


def _unet_state(*, unet_name: str, context: Context) -> Any:
    return file_state("diffusion_models", unet_name, context)


def _clip_state(*, clip_name: str, context: Context) -> Any:
    return file_state("text_encoders", clip_name, context)


def _clip_pair_state(*, clip_name1: str, clip_name2: str, context: Context) -> Any:
    return [file_state("text_encoders", name, context) for name in (clip_name1, clip_name2)]


def _clip_triple_state(*, clip_name1: str, clip_name2: str, clip_name3: str, context: Context) -> Any:
    return [file_state("text_encoders", name, context) for name in (clip_name1, clip_name2, clip_name3)]


def _vae_state(*, vae_name: str, context: Context) -> Any:
    return file_state("vae", vae_name, context)


def _lora_state(*, lora_name: str, context: Context) -> Any:
    return file_state("loras", lora_name, context)


@node("CheckpointLoaderSimple", category="loaders", display_name="Load Checkpoint", fingerprint=_checkpoint_state)
def load_checkpoint(*, ckpt_name: Annotated[str, Choices("models/checkpoints")], context: Context) -> Loaded:
    """Load a diffusion model with its text encoder and its autoencoder from one file or folder."""
    from inhouse.packs.diffusion import loading

    parts = loading.load_checkpoint(_path(context, "checkpoints", ckpt_name), placement_of(context))
    clip = _encoder(parts.clip, context) if parts.clip is not None else None
    return Loaded(_attending(parts.model, context), clip, parts.vae)


@node("UNETLoader", category="advanced/loaders", display_name="Load Diffusion Model", fingerprint=_unet_state)
def load_unet(
    *,
    unet_name: Annotated[str, Choices("models/diffusion_models")],
    weight_dtype: Annotated[str, Choices(("default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"))],
    context: Context,
) -> Model:
    """Load a denoising network from a file of its own, its weights rounded to 8 bits if asked."""
    import torch

    from inhouse.packs.diffusion import loading

    rounded = {"fp8_e5m2": torch.float8_e5m2, "default": None}.get(weight_dtype, torch.float8_e4m3fn)
    placement = replace(placement_of(context), rounded=rounded, compact=rounded is not None)
    model = loading.load_diffusion_model(_path(context, "diffusion_models", unet_name), placement)
    return _attending(model, context)


_CLIP_TYPES = (
    "stable_diffusion",
    "stable_cascade",
    "sd3",
    "stable_audio",
    "mochi",
    "ltxv",
    "pixart",
    "cosmos",
    "lumina2",
    "wan",
    "hidream",
    "chroma",
    "ace",
    "omnigen2",
    "qwen_image",
    "hunyuan_image",
)
TextFile = Annotated[str, Choices("models/text_encoders")]
TextDevice = Annotated[str | None, Choices(("default", "cpu")), ADVANCED]


@node("CLIPLoader", category="advanced/loaders", display_name="Load CLIP", fingerprint=_clip_state)
def load_clip(
    *,
    clip_name: TextFile,
    type: Annotated[str, Choices(_CLIP_TYPES)],  # noqa: A002 - on the wire
    device: TextDevice = None,
    context: Context,
) -> Clip:
    """Load a text encoder from a file of its own."""
    # A type that says nothing here is no fault: the file itself tells what it is.
    return _text_encoder(context, [clip_name], "sd3" if type == "sd3" else "stable_diffusion", device)


@node("DualCLIPLoader", category="advanced/loaders", display_name="DualCLIPLoader", fingerprint=_clip_pair_state)
def load_clip_pair(
    *,
    clip_name1: TextFile,
    clip_name2: TextFile,
    type: Annotated[  # noqa: A002 - on the wire
        str, Choices(("sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image"))
    ],
    device: TextDevice = None,
    context: Context,
) -> Clip:
    """Load the two text encoders of a family, in any order: CLIP-L and OpenCLIP-G for SDXL, CLIP-L and T5 for Flux."""
    return _text_encoder(context, [clip_name1, clip_name2], type, device)


@node("TripleCLIPLoader", category="advanced/loaders", fingerprint=_clip_triple_state)
def load_clip_triple(*, clip_name1: TextFile, clip_name2: TextFile, clip_name3: TextFile, context: Context) -> Clip:
    """Load the three text encoders of Stable Diffusion 3, in any order: CLIP-L, OpenCLIP-G and T5-XXL."""
    return _text_encoder(context, [clip_name1, clip_name2, clip_name3], "sd3", None)


@node("VAELoader", category="loaders", display_name="Load VAE", fingerprint=_vae_state)
def load_vae(*, vae_name: Annotated[str, Choices("models/vae")], context: Context) -> Vae:
    """Load an autoencoder from a file of its own."""
    from inhouse.packs.diffusion import loading

    return loading.load_vae(_path(context, "vae", vae_name), placement_of(context))


@node("LoraLoader", category="loaders", display_name="Load LoRA", fingerprint=_lora_state)
def load_lora(
    *,
    model: Model,
    clip: Clip | None,
    lora_name: Annotated[str, Choices("models/loras")],
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
    context: Context,
) -> Patched:
    """Put a LoRA on a model and its text encoder; both stay as they were for whoever else uses them."""
    if not strength_model and not strength_clip:
        return Patched(model, clip)
    from inhouse.packs.diffusion.lora import apply_lora

    texts = clip.models if clip else None
    patched, text = apply_lora(model, texts, _lora(context, lora_name), strength_model, strength_clip)
    return Patched(patched or model, clip.with_models(text) if clip and text else clip)


@node("LoraLoaderModelOnly", category="loaders", fingerprint=_lora_state)
def load_lora_model_only(
    *,
    model: Model,
    lora_name: Annotated[str, Choices("models/loras")],
    strength_model: Strength = 1.0,
    context: Context,
) -> Model:
    """Put a LoRA on a model and leave the text encoder alone."""
    if not strength_model:
        return model
    from inhouse.packs.diffusion.lora import apply_lora

    return apply_lora(model, None, _lora(context, lora_name), strength_model, 0.0)[0] or model


@node("CLIPSetLastLayer", category="conditioning", display_name="CLIP Set Last Layer")
def set_last_layer(*, clip: Clip | None, stop_at_clip_layer: Annotated[int, Range(-24, -1, step=1)] = -1) -> Clip:
    """Take the conditioning from an earlier layer of the text encoder (CLIP skip)."""
    return needed(clip).with_layer(stop_at_clip_layer)


def _lora(context: Context, name: str) -> Lora:
    """Return a LoRA file, read once for all nodes that use it."""
    from inhouse.packs.diffusion.loading import load_lora

    return context.service(FilePool).get(_path(context, "loras", name), load_lora)


def _path(context: Context, kind: str, name: str) -> Path:
    return context.service(ModelCatalogue).path(kind, name)


def _attending(model: Model, context: Context) -> Model:
    """Return a model with the attention that the settings ask for."""
    from inhouse.packs.diffusion.attention import attention_of

    return model.with_attention(attention_of(context.service(Compute), model.device))


def placement_of(context: Context, device: str | None = None) -> Placement:
    """Return where the networks that a node loads compute; on the processor if ``device`` says so."""
    import torch

    from inhouse.packs.diffusion.assembly import Placement

    compute = context.service(Compute)
    return Placement(
        getattr(torch, compute.dtype),
        "cpu" if device == "cpu" else compute.device,
        residency=context.service(Residency),
        batches=context.find(Batches) or Batches(),
    )


def _text_encoder(context: Context, names: list[str], kind: str, device: str | None) -> TextEncoder:
    from inhouse.packs.diffusion import loading

    paths = [_path(context, "text_encoders", name) for name in names]
    return _encoder(loading.load_text_models(paths, placement_of(context, device), kind=kind), context)


def _encoder(models: TextModels, context: Context) -> TextEncoder:
    from inhouse.packs.diffusion.text.embeddings import Embeddings
    from inhouse.packs.diffusion.text.encoder import TextEncoder

    return TextEncoder(models, Embeddings(context.service(ModelCatalogue).folders("embeddings")))


NODES = [
    load_checkpoint,
    load_unet,
    load_clip,
    load_clip_pair,
    load_clip_triple,
    load_vae,
    load_lora,
    load_lora_model_only,
    set_last_layer,
]
