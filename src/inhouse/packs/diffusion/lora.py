"""LoRAs on models: small changes to weights, put on a copy of the layers that they touch."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch

from inhouse.packs.diffusion.adapters import Roles, adapter_of
from inhouse.packs.diffusion.rows import WHOLE, Rows

if TYPE_CHECKING:
    from torch import nn

    from inhouse.packs.diffusion.lora_file import Lora, Place
    from inhouse.packs.diffusion.text_model import TextModel
    from inhouse.packs.diffusion.unet import DiffusionModel

    N = TypeVar("N", bound=nn.Module)

_log = logging.getLogger(__name__)
_LISTED = 10
_TEXT_PREFIXES = ("lora_te", "text_encoder")


@dataclass(frozen=True, slots=True)
class Target:
    """A layer that a LoRA may name, or a part of one.

    Attributes:
        path: its name in the network.
        shape: the shape of the weight that goes by the name in the LoRA file.
        rows: which rows of that weight are this layer's.

    """

    path: str
    shape: tuple[int, ...]
    rows: Rows = WHOLE


Targets: TypeAlias = Mapping[str, tuple[Target, ...]]
"""Every name by which LoRA files call a network's layers -> the layer, or the layers that it is split into."""


@dataclass(frozen=True)
class LoraApplication:
    """What a LoRA changes in one network.

    Attributes:
        parameters: the parameter's name in the network -> role -> tensor.
        strength: a factor on the change; any number, 0 for none.
        rows: the parameters that take only some rows of the change -> which.

    """

    parameters: Mapping[str, Roles]
    strength: float
    rows: Mapping[str, Rows] = field(default_factory=dict)


def apply_lora(
    model: DiffusionModel | None, clip: TextModel | None, lora: Lora, strength_model: float, strength_clip: float
) -> tuple[DiffusionModel | None, TextModel | None]:
    """Return model and text model with a LoRA on them; those given stay as they are.

    Keys that fit neither are counted and named in a warning.
    """
    fitting = _fitting(lora, model.targets if model else {})
    fitting_text = _fitting(lora, clip.targets if clip else {})
    _report(lora, model, clip, fitting, fitting_text)
    if model and fitting and strength_model:
        model = model.with_lora(_application(lora, fitting, strength_model))
    if clip and fitting_text and strength_clip:
        clip = clip.with_lora(_application(lora, fitting_text, strength_clip))
    return model, clip


def _fitting(lora: Lora, targets: Targets) -> dict[Place, tuple[Target, ...]]:
    """Return the places in a LoRA that fit a network -> the layers there."""
    fitting = {}
    for place, roles in lora.places.items():
        layers, adapter = targets.get(place.layer), adapter_of(roles)
        if layers and adapter:
            shape = layers[0].shape if place.parameter == "weight" else layers[0].shape[:1]
            if adapter.fits(roles, shape, whole=all(layer.rows.whole for layer in layers)):
                fitting[place] = layers
    return fitting


def _application(lora: Lora, fitting: Mapping[Place, tuple[Target, ...]], strength: float) -> LoraApplication:
    placed = [(f"{layer.path}.{place.parameter}", place, layer) for place in fitting for layer in fitting[place]]
    return LoraApplication(
        parameters={name: lora.places[place] for name, place, _ in placed},
        strength=strength,
        rows={name: layer.rows for name, _, layer in placed if not layer.rows.whole},
    )


def _report(
    lora: Lora,
    model: DiffusionModel | None,
    clip: TextModel | None,
    *fitting: Mapping[Place, tuple[Target, ...]],
) -> None:
    counts = " and ".join(f"{len(places)}" for places in fitting)
    _log.info("LoRA %s changes %s parameters of the model and of the text model.", lora.name, counts)
    expected = (
        place for place in lora.places if (clip if place.layer.startswith(_TEXT_PREFIXES) else model) is not None
    )
    left = [place.layer for place in expected if not any(place in places for places in fitting)]
    if left := [*left, *lora.unknown]:
        named = ", ".join(left[:_LISTED]) + (", ..." if len(left) > _LISTED else "")
        total = len(lora.places) + len(lora.unknown)
        _log.warning("LoRA %s: %d of %d parts do not fit and were left out: %s", lora.name, len(left), total, named)


def patched(network: N, *, loras: Sequence[LoraApplication], rounded: torch.dtype | None = None) -> N:
    """Return a copy of a network with LoRAs on it, which shares all parameters that they do not touch.

    Args:
        network: stays as it is.
        loras: put on in order.
        rounded: a type that each changed parameter is rounded to, as if it had been stored in it.

    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    clone = copy.deepcopy(network, shared)
    for name in dict.fromkeys(name for lora in loras for name in lora.parameters):
        owner, _, leaf = name.rpartition(".")
        original = network.get_parameter(name)
        value = original.float()
        for lora in loras:
            if roles := lora.parameters.get(name):
                adapter = adapter_of(roles)
                assert adapter is not None
                placed = {role: tensor.to(value.device) for role, tensor in roles.items()}
                value = adapter.apply(value, placed, lora.strength, lora.rows.get(name, WHOLE))
        value = value.to(rounded or original.dtype).to(original.dtype)
        setattr(clone.get_submodule(owner), leaf, torch.nn.Parameter(value, requires_grad=False))
    return clone


def unet_targets(layers: Mapping[str, tuple[int, ...]], prefixes: Mapping[str, str]) -> Targets:
    """Return the names of a UNet's layers.

    Args:
        layers: layer -> its weight's shape.
        prefixes: diffusers' names of blocks -> ours, of `inhouse.packs.diffusion.names`.

    """
    from inhouse.packs.diffusion.names import diffusers_unet_name

    targets = {}
    inverse = {ours: theirs for theirs, ours in prefixes.items()}
    for path, shape in layers.items():
        target = (Target(path, shape),)
        other = diffusers_unet_name(path, inverse)
        names = [f"diffusion_model.{path}", f"lora_unet_{path.replace('.', '_')}"]
        if other:
            flat = other.replace(".", "_")
            names += [f"unet.{other}", f"base_model.model.{other}", f"lora_unet_{flat}", f"lycoris_{flat}", other]
        targets.update(dict.fromkeys(names, target))
    return MappingProxyType(targets)


def text_targets(layers: Mapping[str, tuple[int, ...]], prefixes: Sequence[str]) -> Targets:
    """Return the names of a text model's layers.

    Args:
        layers: layer -> its weight's shape.
        prefixes: what LoRA files call this encoder; ends in an underscore (``lora_te_``) or a dot (``text_encoder.``).

    """
    return MappingProxyType(
        {
            prefix + (path if prefix.endswith(".") else path.replace(".", "_")): (Target(path, shape),)
            for path, shape in layers.items()
            for prefix in prefixes
        }
    )
