"""LoRA files: which of their tensors is what, for which layer of a model.

Three families of names are in use, all understood: kohya's (``lora_unet_down_blocks_0_...lora_down.weight``),
diffusers' (``unet.down_blocks.0...processor.to_q_lora.down.weight``) and PEFT's (``...to_q.lora_A.weight``); and for
Flux one with numbers (``double_blocks.0.processor.qkv_lora1.down.weight``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from inhouse.errors import ModelFormatError, ModelUnsupportedError
from inhouse.packs.diffusion.adapters import Change, change_of

if TYPE_CHECKING:
    from torch import Tensor

_SUFFIXES = (
    (r"\.diff_b|\.b_norm|\.lora_B(?:\.\w+)?\.bias", "bias", "diff"),
    (r"\.lora_down\.weight|\.lora_A(?:\.\w+)?(?:\.weight)?|[._]lora\.down\.weight", "weight", "down"),
    (r"\.lora_up\.weight|\.lora_B(?:\.\w+)?(?:\.weight)?|[._]lora\.up\.weight", "weight", "up"),
    (r"(?<=_lora\d)\.down\.weight", "weight", "down"),
    (r"(?<=_lora\d)\.up\.weight", "weight", "up"),
    (r"\.lora_linear_layer\.down\.weight", "weight", "down"),
    (r"\.lora_linear_layer\.up\.weight", "weight", "up"),
    (r"\.lora_mid\.weight", "weight", "mid"),
    (r"\.alpha", "weight", "alpha"),
    (r"\.dora_scale|\.lora_magnitude_vector(?:\.\w+)?(?:\.weight)?", "weight", "dora_scale"),
    (r"\.((?:hada|lokr)_\w+)", "weight", r"\2"),
    (r"\.diff|\.w_norm", "weight", "diff"),
)
_PATTERNS = tuple((re.compile(rf"(.+?)(?:{suffix})"), parameter, role) for suffix, parameter, role in _SUFFIXES)
_LAYER_NAMES = (
    (r"^(double_blocks\.\d+)\.processor\.qkv_lora1$", r"diffusion_model.\1.img_attn.qkv"),
    (r"^(double_blocks\.\d+)\.processor\.qkv_lora2$", r"diffusion_model.\1.txt_attn.qkv"),
    (r"^(double_blocks\.\d+)\.processor\.proj_lora1$", r"diffusion_model.\1.img_attn.proj"),
    (r"^(double_blocks\.\d+)\.processor\.proj_lora2$", r"diffusion_model.\1.txt_attn.proj"),
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
    """A LoRA file, read and sorted.

    Attributes:
        name: the file's name, for messages.
        changes: parameter -> what becomes of it.
        unknown: keys, or names of layers, that mean nothing here.

    """

    name: str
    changes: Mapping[Place, Change]
    unknown: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors."""
        return sum(change.nbytes for change in self.changes.values())

    @classmethod
    def from_tensors(cls, name: str, tensors: Mapping[str, Tensor]) -> Lora:
        """Sort a file's tensors by parameter and role.

        Raises:
            ModelUnsupportedError: none of them is a LoRA's.
            ModelFormatError: one holds a value that is no number, or no change is whole.

        """
        places: dict[Place, dict[str, Tensor]] = defaultdict(dict)
        unknown = []
        for key, tensor in tensors.items():
            found = place_and_role(key)
            if found is None:
                unknown.append(key)
                continue
            if not bool(tensor.float().isfinite().all()):
                raise ModelFormatError(
                    f"{name}: {key!r} holds values that are no finite numbers.",
                    hint="The training that made the file has failed; use an earlier file of it.",
                )
            places[found[0]][found[1]] = tensor
        if not places:
            raise ModelUnsupportedError(f"{name} is no LoRA: no key of it is known.", hint="Choose a LoRA file.")
        made = {place: change_of(roles) for place, roles in places.items()}
        unknown += [place.layer for place, change in made.items() if change is None]
        changes = {place: change for place, change in made.items() if change is not None}
        if not changes:
            raise ModelFormatError(
                f"{name}: none of its {len(made)} changes is whole, for one {unknown[-1]}.",
                hint="The file is cut down, or of a kind that is not known here; get it again, as a plain LoRA.",
            )
        return cls(name, MappingProxyType(changes), tuple(unknown))


def place_and_role(key: str) -> tuple[Place, str] | None:
    """Return the parameter that a key of a LoRA file is for, and its part in it; None for an unknown key."""
    for pattern, parameter, role in _PATTERNS:
        if match := pattern.fullmatch(key):
            layer = match[1]
            for old, new in _LAYER_NAMES:
                layer = re.sub(old, new, layer)
            return Place(layer, parameter), match.expand(role)
    return None
