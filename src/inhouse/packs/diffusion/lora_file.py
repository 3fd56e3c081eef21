"""LoRA files: which of their tensors is what, for which layer of a model.

Three families of names are in use, all understood: kohya's (``lora_unet_down_blocks_0_...lora_down.weight``),
diffusers' (``unet.down_blocks.0...processor.to_q_lora.down.weight``) and PEFT's (``...to_q.lora_A.weight``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from inhouse.errors import ModelUnsupportedError

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.adapters import Roles

_SUFFIXES = (
    (r"\.lora_down\.weight|\.lora_A(?:\.\w+)?(?:\.weight)?|[._]lora\.down\.weight", "weight", "down"),
    (r"\.lora_up\.weight|\.lora_B(?:\.\w+)?(?:\.weight)?|[._]lora\.up\.weight", "weight", "up"),
    (r"\.lora_linear_layer\.down\.weight", "weight", "down"),
    (r"\.lora_linear_layer\.up\.weight", "weight", "up"),
    (r"\.lora_mid\.weight", "weight", "mid"),
    (r"\.alpha", "weight", "alpha"),
    (r"\.dora_scale|\.lora_magnitude_vector(?:\.\w+)?(?:\.weight)?", "weight", "dora_scale"),
    (r"\.((?:hada|lokr)_\w+)", "weight", r"\2"),
    (r"\.diff|\.w_norm", "weight", "diff"),
    (r"\.diff_b|\.b_norm", "bias", "diff"),
)
_PATTERNS = tuple((re.compile(rf"(.+?)(?:{suffix})"), parameter, role) for suffix, parameter, role in _SUFFIXES)
_ATTENTION_NAMES = (
    (r"\.processor(?=\.|$)", ""),
    (r"(\.attn\d\.to_out)$", r"\1.0"),
    (r"\.self_attn\.to_([qkv])$", r".self_attn.\1_proj"),
    (r"\.self_attn\.to_out$", ".self_attn.out_proj"),
)


class Place(NamedTuple):
    """A parameter as a LoRA file calls it.

    Attributes:
        layer: the layer's name.
        parameter: ``weight`` or ``bias``.

    """

    layer: str
    parameter: str


@dataclass(frozen=True)
class Lora:
    """A LoRA file's tensors, by the parameter that they are for.

    Attributes:
        name: the file's name, for messages.
        places: parameter -> role -> tensor.
        unknown: keys that mean nothing here.

    """

    name: str
    places: Mapping[Place, Roles]
    unknown: tuple[str, ...] = ()

    @classmethod
    def from_tensors(cls, name: str, tensors: Mapping[str, Tensor]) -> Lora:
        """Sort a file's tensors by parameter and role.

        Raises:
            ModelUnsupportedError: none of them is a LoRA's.

        """
        places: dict[Place, dict[str, Tensor]] = defaultdict(dict)
        unknown = []
        for key, tensor in tensors.items():
            if found := place_and_role(key):
                places[found[0]][found[1]] = tensor
            else:
                unknown.append(key)
        if not places:
            raise ModelUnsupportedError(f"{name} is no LoRA: no key of it is known.", hint="Choose a LoRA file.")
        return cls(name, MappingProxyType(dict(places)), tuple(unknown))


def place_and_role(key: str) -> tuple[Place, str] | None:
    """Return the parameter that a key of a LoRA file is for, and its part in it; None for an unknown key."""
    for pattern, parameter, role in _PATTERNS:
        if match := pattern.fullmatch(key):
            layer = match[1]
            for old, new in _ATTENTION_NAMES:
                layer = re.sub(old, new, layer)
            return Place(layer, parameter), match.expand(role)
    return None
