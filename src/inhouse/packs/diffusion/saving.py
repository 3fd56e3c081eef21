"""Models written to safetensors files, tensor by tensor, under the names that checkpoints have.

The header is written first, so nothing is held but one tensor. LoRAs and merges are in what is written.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

import torch

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.diffusion.networks.unet import UNetSpec
from inhouse.packs.diffusion.parameters import Parameters, parameters_of
from inhouse.packs.diffusion.prediction import Velocity
from inhouse.packs.diffusion.weights import DTYPES

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.text_model import TextModels
    from inhouse.packs.diffusion.unet import DiffusionModel
    from inhouse.packs.diffusion.vae import Vae

UNET, AUTOENCODER = "model.diffusion_model.", "first_stage_model."
_TEXT: Mapping[frozenset[str], Mapping[str, str]] = MappingProxyType(
    {
        frozenset("l"): {"l": "cond_stage_model.transformer."},
        frozenset("h"): {"h": "cond_stage_model.model."},
        frozenset("g"): {"g": "conditioner.embedders.0.model."},
        frozenset("lg"): {"l": "conditioner.embedders.0.transformer.", "g": "conditioner.embedders.1.model."},
    }
)
"""The text models of a family -> where each lies in its checkpoints; those in OpenCLIP's arrangement end in model."""
_TYPES = MappingProxyType({dtype: name for name, dtype in DTYPES.items()})


@dataclass(frozen=True)
class Entry:
    """A tensor to be written.

    Attributes:
        name: in the file.
        shape: its shape.
        dtype: its type there.
        read: returns its values, in any type and shape of that size.

    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], Tensor]

    @property
    def nbytes(self) -> int:
        """Its size in the file."""
        return math.prod(self.shape) * self.dtype.itemsize


def checkpoint(model: DiffusionModel, clip: TextModels | None = None, vae: Vae | None = None) -> list[Entry]:
    """Return what a checkpoint of these parts holds.

    Raises:
        ModelUnsupportedError: nothing is known of how files of the family arrange them.

    """
    if not isinstance(model.spec, UNetSpec):
        raise ModelUnsupportedError(
            "Models of this family cannot be saved: their parameters have other names in files.",
            hint="Save models of Stable Diffusion 1, 2 or XL.",
        )
    entries = list(_as_they_are(parameters_of(model.base, model.loras), UNET))
    entries += text_models(clip) if clip is not None else []
    return entries + (autoencoder(vae, AUTOENCODER) if vae is not None else [])


def autoencoder(vae: Vae, prefix: str = "") -> list[Entry]:
    """Return what a file of an autoencoder holds."""
    return list(_as_they_are(parameters_of(vae.network), prefix))


def text_models(clip: TextModels) -> list[Entry]:
    """Return what a checkpoint holds of a family's text models.

    Raises:
        ModelUnsupportedError: nothing is known of how files of the family arrange them.

    """
    prefixes = _TEXT.get(frozenset(clip.parts))
    if prefixes is None:
        raise ModelUnsupportedError(
            "Text encoders of this family cannot be saved as a checkpoint.", hint="Save each in a file of its own."
        )
    return [entry for name, prefix in prefixes.items() for entry in _text_model(clip.parts[name], prefix)]


def text_model(clip: TextModels, name: str) -> list[Entry]:
    """Return what a file of one text model holds, in the arrangement of transformers."""
    return list(_as_they_are(_text_parameters(clip.parts[name]), ""))


def metadata_of(model: DiffusionModel, documents: Mapping[str, str]) -> dict[str, str]:
    """Return the text that goes with a model: documents such as the workflow, and what it predicts."""
    kind = "v" if isinstance(model.prediction, Velocity) else "epsilon"
    return {**documents, "modelspec.sai_model_spec": "1.0.0", "modelspec.prediction_type": kind}


def write(entries: Iterable[Entry], metadata: Mapping[str, str], file: BinaryIO) -> None:
    """Write a safetensors file: https://github.com/huggingface/safetensors, section Format."""
    entries = sorted(entries, key=lambda entry: (-entry.dtype.itemsize, entry.name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for entry in entries:
        ends = [offset, offset + entry.nbytes]
        header[entry.name] = {"dtype": _TYPES[entry.dtype], "shape": list(entry.shape), "data_offsets": ends}
        offset += entry.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8, so that they can be mapped
    file.write(struct.pack("<Q", len(text)) + text)
    for entry in entries:
        value = entry.read().detach().to("cpu", entry.dtype).reshape(entry.shape).contiguous()
        file.write(
            value.view(torch.uint8).numpy().data if value.ndim else value.reshape(1).view(torch.uint8).numpy().data
        )


def _as_they_are(parameters: Parameters, prefix: str) -> Iterator[Entry]:
    for name, shape in parameters.shapes.items():
        if "." in name:  # others are marks on the file
            yield Entry(prefix + name, shape, parameters.stored, lambda name=name: parameters.read(name))  # type: ignore[misc]


def _text_parameters(part: Any) -> Parameters:
    return parameters_of(part.base, part.loras)


def _text_model(part: Any, prefix: str) -> list[Entry]:
    parameters = _text_parameters(part)
    if prefix.endswith("transformer."):
        return list(_as_they_are(parameters, prefix))
    return [
        Entry(prefix + name, _joined_shape(parameters, parts), parameters.stored, _joined(parameters, name, parts))
        for name, parts in to_openclip(parameters.shapes).items()
    ]


_LAYER = MappingProxyType(
    {".layer_norm1.": ".ln_1.", ".layer_norm2.": ".ln_2.", ".mlp.fc1.": ".mlp.c_fc.", ".mlp.fc2.": ".mlp.c_proj."}
    | {".self_attn.out_proj.": ".attn.out_proj."}
)
_TOP = MappingProxyType(
    {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
        "text_projection.weight": "text_projection",
    }
)


def to_openclip(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return OpenCLIP's name of each parameter -> ours that it is made of, one behind the other."""
    joined: dict[str, tuple[str, ...]] = {}
    for name in names:
        if name in _TOP:
            joined[_TOP[name]] = (name,)
        elif name.startswith("text_model.encoder.layers."):
            theirs = "transformer.resblocks." + name.removeprefix("text_model.encoder.layers.")
            for letter in "qkv":
                theirs = theirs.replace(f".self_attn.{letter}_proj.", ".attn.in_proj_")
            for ours, other in _LAYER.items():
                theirs = theirs.replace(ours, other)
            joined[theirs] = (*joined.get(theirs, ()), name)
    return {theirs: tuple(sorted(ours, key=_qkv)) for theirs, ours in joined.items()}


def _qkv(name: str) -> int:
    return next((place for place, letter in enumerate("qkv") if f".{letter}_proj." in name), 0)


def _joined_shape(parameters: Parameters, parts: tuple[str, ...]) -> tuple[int, ...]:
    first = parameters.shapes[parts[0]]
    return first[::-1] if parts[0] == "text_projection.weight" else (len(parts) * first[0], *first[1:])


def _joined(parameters: Parameters, name: str, parts: tuple[str, ...]) -> Callable[[], Tensor]:
    def read() -> Tensor:
        value = torch.cat([parameters.read(part) for part in parts])
        return value.T if name == "text_projection" else value

    return read
