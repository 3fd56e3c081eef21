"""LoRA files: small changes to a model's weights, put on a copy of the layers that they touch.

Three families of names are in use, all understood: kohya's (``lora_unet_down_blocks_0_...lora_down.weight``),
diffusers' (``unet.down_blocks.0...processor.to_q_lora.down.weight``) and PEFT's (``...to_q.lora_A.weight``).
"""

from __future__ import annotations

import copy
import logging
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.diffusion.adapters import Roles, adapter_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from inhouse.packs.diffusion.text_model import TextModel
    from inhouse.packs.diffusion.unet import DiffusionModel

    N = TypeVar("N", bound=nn.Module)

_log = logging.getLogger(__name__)
_LISTED = 10

_SUFFIXES = (
    (r"\.lora_down\.weight|\.lora_A(?:\.\w+)?(?:\.weight)?|[._]lora\.down\.weight", "down"),
    (r"\.lora_up\.weight|\.lora_B(?:\.\w+)?(?:\.weight)?|[._]lora\.up\.weight", "up"),
    (r"\.lora_linear_layer\.down\.weight", "down"),
    (r"\.lora_linear_layer\.up\.weight", "up"),
    (r"\.lora_mid\.weight", "mid"),
    (r"\.alpha", "alpha"),
    (r"\.dora_scale|\.lora_magnitude_vector(?:\.\w+)?(?:\.weight)?", "dora_scale"),
    (r"\.((?:hada|lokr)_\w+)", r"\1"),
    (r"\.(diff(?:_b)?)", r"\1"),
)
_PATTERNS = tuple((re.compile(rf"(?P<layer>.+?)(?:{suffix})"), role) for suffix, role in _SUFFIXES)
_ATTENTION_NAMES = (
    (r"\.processor(?=\.|$)", ""),
    (r"(\.attn\d\.to_out)$", r"\1.0"),
    (r"\.self_attn\.to_([qkv])$", r".self_attn.\1_proj"),
    (r"\.self_attn\.to_out$", ".self_attn.out_proj"),
)
_TEXT_PREFIXES = ("lora_te", "text_encoder")


@dataclass(frozen=True, slots=True)
class Target:
    """A layer that a LoRA may name.

    Attributes:
        path: its name in the network.
        shape: its weight's shape.

    """

    path: str
    shape: tuple[int, ...]


Targets: TypeAlias = Mapping[str, Target]
"""Every name by which LoRA files call a network's layers -> the layer."""


@dataclass(frozen=True)
class Lora:
    """A LoRA file's tensors, by the layer that they are for.

    Attributes:
        name: the file's name, for messages.
        layers: the layer's name in the file -> role -> tensor.
        unknown: keys that mean nothing here.

    """

    name: str
    layers: Mapping[str, Roles]
    unknown: tuple[str, ...] = ()

    @classmethod
    def from_tensors(cls, name: str, tensors: Mapping[str, Tensor]) -> Lora:
        """Sort a file's tensors by layer and role.

        Raises:
            ModelUnsupportedError: none of them is a LoRA's.

        """
        layers: dict[str, dict[str, Tensor]] = defaultdict(dict)
        unknown = []
        for key, tensor in tensors.items():
            if found := _layer_and_role(key):
                layers[found[0]][found[1]] = tensor
            else:
                unknown.append(key)
        if not layers:
            raise ModelUnsupportedError(f"{name} is no LoRA: no key of it is known.", hint="Choose a LoRA file.")
        return cls(name, MappingProxyType(dict(layers)), tuple(unknown))

    def application(self, targets: Targets, strength: float) -> LoraApplication:
        """Return what of it fits a network, at a strength."""
        fitting = {}
        for layer, roles in self.layers.items():
            target, adapter = targets.get(layer), adapter_of(roles)
            if target and adapter and adapter.shape(roles) == (target.shape[0], math.prod(target.shape[1:])):
                fitting[layer] = (target.path, roles)
        return LoraApplication(MappingProxyType(dict(fitting.values())), strength, frozenset(fitting))


@dataclass(frozen=True)
class LoraApplication:
    """What a LoRA changes in one network.

    Attributes:
        layers: the layer's name in the network -> role -> tensor.
        strength: a factor on the change; any number, 0 for none.
        used: the names of the layers in the file.

    """

    layers: Mapping[str, Roles]
    strength: float
    used: frozenset[str]


def _layer_and_role(key: str) -> tuple[str, str] | None:
    for pattern, role in _PATTERNS:
        if match := pattern.fullmatch(key):
            layer = match["layer"]
            for old, new in _ATTENTION_NAMES:
                layer = re.sub(old, new, layer)
            return layer, match.expand(role)
    return None


def apply_lora(
    model: DiffusionModel | None, clip: TextModel | None, lora: Lora, strength_model: float, strength_clip: float
) -> tuple[DiffusionModel | None, TextModel | None]:
    """Return model and text model with a LoRA on them; those given stay as they are. 0 leaves one out.

    Keys that fit neither are counted and named in a warning.
    """
    used: set[str] = set()
    if model is not None:
        application = lora.application(model.targets, strength_model)
        used |= application.used
        model = model.with_lora(application) if strength_model and application.layers else model
    if clip is not None:
        application = lora.application(clip.targets, strength_clip)
        used |= application.used
        clip = clip.with_lora(application) if strength_clip and application.layers else clip
    expected = [
        layer
        for layer in lora.layers
        if (clip if layer.startswith(_TEXT_PREFIXES) else model) is not None and layer not in used
    ]
    if left := [*expected, *lora.unknown]:
        named = ", ".join(left[:_LISTED]) + (", ..." if len(left) > _LISTED else "")
        _log.warning("LoRA %s: %d of %d layers do not fit this model and were left out: %s",
                     lora.name, len(left), len(lora.layers) + len(lora.unknown), named)  # fmt: skip
    return model, clip


def patched(network: N, *, loras: Sequence[LoraApplication], rounded: torch.dtype | None = None) -> N:
    """Return a copy of a network with LoRAs on it, which shares all weights that they do not touch.

    Args:
        network: stays as it is.
        loras: put on in order.
        rounded: a type that each changed weight is rounded to, as if it had been stored in it.

    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    clone = copy.deepcopy(network, shared)
    for path in dict.fromkeys(path for lora in loras for path in lora.layers):
        layer = clone.get_submodule(path)
        weight = layer.get_parameter("weight")
        value = weight.float()
        for lora in loras:
            if path in lora.layers:
                roles = {role: tensor.to(value.device) for role, tensor in lora.layers[path].items()}
                adapter = adapter_of(roles)
                assert adapter is not None
                value = adapter.apply(value, roles, lora.strength)
        value = value.to(rounded) if rounded else value
        layer.weight = torch.nn.Parameter(value.to(weight.dtype), requires_grad=False)
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
        target = Target(path, shape)
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
            prefix + (path if prefix.endswith(".") else path.replace(".", "_")): Target(path, shape)
            for path, shape in layers.items()
            for prefix in prefixes
        }
    )
