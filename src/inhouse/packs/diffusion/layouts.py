"""How model files arrange what they hold, and the one arrangement that the rest of this pack knows.

A checkpoint is one file whose parts have prefixes; a diffusers folder has a subfolder a part; a part may also come in a
file of its own. `Components` are the parts under the original names, whatever they came from.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from inhouse.errors import ModelFormatError
from inhouse.models.formats import open_model
from inhouse.packs.diffusion.names import text_from_openclip, unet_from_diffusers, vae_from_diffusers
from inhouse.packs.diffusion.transformer_names import flux_from_original, sd3_from_original
from inhouse.packs.diffusion.weights import Origin, Weights, weights_of

_PREFIXES = (
    "model.diffusion_model.",
    "first_stage_model.",
    "cond_stage_model.transformer.",
    "cond_stage_model.model.",
    "conditioner.embedders.0.transformer.",
    "conditioner.embedders.0.model.",
    "conditioner.embedders.1.transformer.",
    "conditioner.embedders.1.model.",
    "text_encoders.clip_l.transformer.",
    "text_encoders.clip_g.transformer.",
    "text_encoders.t5xxl.transformer.",
    "",
)
_FOLDERS = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")
_SLOTS = MappingProxyType(
    {
        "conditioner.embedders.1.transformer.": 2,
        "conditioner.embedders.1.model.": 2,
        "text_encoders.clip_g.transformer.": 2,
        "text_encoders.t5xxl.transformer.": 3,
        "text_encoder_2": 2,
        "text_encoder_3": 3,
    }
)
"""Which of a model's text models lies where; the first one where nothing is said."""
_FILES = (
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
)
_FLAGS = frozenset({"v_pred", "ztsnr"})


@dataclass(frozen=True)
class Components:
    """A model's parts. Only headers have been read.

    Attributes:
        source: the file's or folder's name, for messages.
        unet: the denoising network; empty where there is none. So are the others.
        vae: the autoencoder.
        texts: the text models, by their places in diffusers' folders: 1 (``text_encoder``), 2 and 3.
        metadata: what the file says about itself.
        flags: marks that some files carry as empty tensors: ``v_pred``, ``ztsnr``.
        tensors: all of them, under the names that the files have; a family finds there what only it knows of.

    """

    source: str
    unet: Weights = field(default_factory=dict)
    vae: Weights = field(default_factory=dict)
    texts: Mapping[int, Weights] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    tensors: Weights = field(default_factory=dict)

    @property
    def text(self) -> Weights:
        """The only text model, or the first of several; empty where there is none."""
        return self.texts[min(self.texts)] if self.texts else {}


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to name the parameters of one part.

    Attributes:
        part: ``unet``, ``vae`` or ``text``.
        marks: names, any of which gives the layout away.
        rename: to the original names.

    """

    part: str
    marks: tuple[str, ...]
    rename: Callable[[Weights], Mapping[str, Origin]]


def _as_it_is(weights: Weights) -> Weights:
    return weights


def _under_text_model(weights: Weights) -> dict[str, Origin]:
    return {f"text_model.{name}": origin for name, origin in weights.items()}


LAYOUTS = (
    Layout("unet", ("input_blocks.0.0.weight",), _as_it_is),
    Layout("unet", ("time_embedding.linear_1.weight",), unet_from_diffusers),
    Layout("unet", ("joint_blocks.0.x_block.attn.qkv.weight",), sd3_from_original),
    Layout("unet", ("double_blocks.0.img_attn.qkv.weight",), flux_from_original),
    Layout("unet", ("transformer_blocks.0.attn.to_q.weight",), _as_it_is),
    Layout("vae", ("decoder.up_blocks.0.resnets.0.conv1.weight", "encoder.down_blocks.0.resnets.0.conv1.weight"),
           vae_from_diffusers),
    Layout("vae", ("decoder.conv_in.weight", "encoder.conv_in.weight"), _as_it_is),
    Layout("text", ("text_model.embeddings.token_embedding.weight",), _as_it_is),
    Layout("text", ("embeddings.token_embedding.weight",), _under_text_model),
    Layout("text", ("transformer.resblocks.0.ln_1.weight",), text_from_openclip),
    Layout("text", ("encoder.block.0.layer.0.SelfAttention.q.weight",), _as_it_is),
)  # fmt: skip


def read_components(path: Path) -> Components:
    """Read the headers of a model file or diffusers folder and sort what they name into parts.

    Raises:
        ModelError: a file is missing, corrupt or a pickle.

    """
    return _folder_components(path) if path.is_dir() else _file_components(path)


def _file_components(path: Path) -> Components:
    file = open_model(path)
    tensors = weights_of([file])
    groups: dict[str, dict[str, Origin]] = defaultdict(dict)
    for name, origin in tensors.items():
        prefix = next(prefix for prefix in _PREFIXES if name.startswith(prefix))
        groups[prefix][name.removeprefix(prefix)] = origin
    parts = [_arranged(group, _SLOTS.get(prefix, 1)) for prefix, group in groups.items()]
    flags = {flag for flag in _FLAGS for group in groups.values() if flag in group}
    return Components(path.name, **_merged(parts), metadata=file.metadata, flags=frozenset(flags), tensors=tensors)


def _folder_components(path: Path) -> Components:
    parts: list[tuple[str, int, Weights] | None] = []
    tensors = {}
    for folder in _FOLDERS:
        if (path / folder).is_dir():
            weights = weights_of(open_model(file) for file in _weight_files(path / folder))
            tensors.update({f"{folder}/{name}": origin for name, origin in weights.items()})
            parts.append(_arranged(weights, _SLOTS.get(folder, 1)))
    if not parts:
        raise ModelFormatError(
            f"{path.name} is no diffusers folder: it has none of {', '.join(_FOLDERS)}.", hint="Download it whole."
        )
    return Components(path.name, **_merged(parts), metadata=_scheduler_metadata(path), tensors=tensors)


def _arranged(weights: Weights, slot: int) -> tuple[str, int, Weights] | None:
    """Return the part that these are, the place that it has if it is a text model, and the weights renamed."""
    for layout in LAYOUTS:
        if any(mark in weights for mark in layout.marks):
            return layout.part, slot, layout.rename(weights)
    return None


def _merged(parts: Iterable[tuple[str, int, Weights] | None]) -> dict[str, Any]:
    """Return the fields of `Components`."""
    fields: dict[str, Any] = {"texts": {}}
    for found in parts:
        if found and found[0] == "text":
            fields["texts"][found[1]] = found[2]
        elif found:
            fields[found[0]] = found[2]
    return fields


def _weight_files(folder: Path) -> list[Path]:
    for name in _FILES:
        if (folder / name).is_file():
            return [folder / name]
    if indices := sorted(folder.glob("*.safetensors.index.json")):
        shards = _json(indices[0]).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
            raise ModelFormatError(f"{indices[0]} names no files.", hint="Download it again.")
        return [folder / Path(name).name for name in sorted(set(shards.values()))]
    others = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if not others:
        raise ModelFormatError(f"{folder} holds no weights.", hint="Download the model as .safetensors.")
    return others[:1]


def _scheduler_metadata(path: Path) -> dict[str, str]:
    """Return the prediction type of a diffusers folder, in the words of a checkpoint's metadata."""
    config = path / "scheduler" / "scheduler_config.json"
    settings = _json(config) if config.is_file() else {}
    kind = settings.get("prediction_type")
    return {"modelspec.prediction_type": kind} if isinstance(kind, str) else {}


def _json(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path} cannot be read as JSON.", hint="Download it again.") from error
    if not isinstance(document, dict):
        raise ModelFormatError(f"{path} is no JSON object.", hint="Download it again.")
    return document
