"""Values on wires as custom ComfyUI packs hold them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.packs.diffusion import comfy_guiders, comfy_model

if TYPE_CHECKING:
    from inhouse.plugins import ComfyValue

VALUES: Mapping[str, ComfyValue] = MappingProxyType(
    {
        "MODEL": (comfy_model.outwards, comfy_model.inwards),
        "GUIDER": (comfy_guiders.outwards, comfy_guiders.inwards),
    }
)
