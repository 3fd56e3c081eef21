"""Nodes that write models into files of the output folder, whole or not at all."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from inhouse import Context, Result, node
from inhouse.files import Folders, write_numbered
from inhouse.packs.diffusion.wires import Clip, Model, Vae

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.packs.diffusion.saving import Entry

CATEGORY = "advanced/model_merging"
HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


@node("CheckpointSave", category=CATEGORY, display_name="Save Checkpoint", output_node=True, hidden=HIDDEN)
def save_checkpoint(
    *, model: Model, clip: Clip, vae: Vae, filename_prefix: str = "checkpoints/ComfyUI", context: Context
) -> Result:
    """Write a model with its text encoder and its autoencoder into one file."""
    from inhouse.packs.diffusion import saving

    entries = saving.checkpoint(model, clip.models, vae)
    return _write(entries, saving.metadata_of(model, _documents(context)), filename_prefix, context)


@node("ModelSave", category=CATEGORY, output_node=True, hidden=HIDDEN)
def save_model(*, model: Model, filename_prefix: str = "diffusion_models/ComfyUI", context: Context) -> Result:
    """Write a denoising network into a file."""
    from inhouse.packs.diffusion import saving

    return _write(saving.checkpoint(model), saving.metadata_of(model, _documents(context)), filename_prefix, context)


@node("CLIPSave", category=CATEGORY, output_node=True, hidden=HIDDEN)
def save_clip(*, clip: Clip, filename_prefix: str = "clip/ComfyUI", context: Context) -> Result:
    """Write text encoders, each into a file of its own."""
    from inhouse.packs.diffusion import saving

    parts = list(clip.models.parts)
    for name in parts:
        prefix = filename_prefix if len(parts) == 1 else f"{filename_prefix}_clip_{name}"
        _write(saving.text_model(clip.models, name), _documents(context), prefix, context)
    return Result()


@node("VAESave", category=CATEGORY, output_node=True, hidden=HIDDEN)
def save_vae(*, vae: Vae, filename_prefix: str = "vae/ComfyUI_vae", context: Context) -> Result:
    """Write an autoencoder into a file."""
    from inhouse.packs.diffusion import saving

    return _write(saving.autoencoder(vae), _documents(context), filename_prefix, context)


def _documents(context: Context) -> dict[str, str]:
    return {name: json.dumps(document) for name, document in context.workflow.source.items() if document}


def _write(entries: list[Entry], metadata: Mapping[str, str], prefix: str, context: Context) -> Result:
    from inhouse.packs.diffusion import saving

    folders = context.service(Folders)
    suffix = ".safetensors"
    claim = folders.claim(context.node_id, folders.output, suffix)
    write_numbered(folders.output, prefix, suffix, partial(saving.write, entries, metadata), claim=claim)
    return Result()


NODES = [save_checkpoint, save_model, save_clip, save_vae]
