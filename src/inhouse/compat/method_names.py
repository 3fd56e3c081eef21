"""What packs call our nodes' methods: they hold, and derive from, classes such as ``nodes.PreviewImage``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "CheckpointLoaderSimple": "load_checkpoint",
        "CLIPLoader": "load_clip",
        "CLIPSetLastLayer": "set_last_layer",
        "CLIPTextEncode": "encode",
        "ConditioningAverage": "addWeighted",
        "ConditioningCombine": "combine",
        "ConditioningConcat": "concat",
        "ConditioningSetArea": "append",
        "ConditioningSetMask": "append",
        "ConditioningZeroOut": "zero_out",
        "EmptyLatentImage": "generate",
        "ImageBatch": "batch",
        "ImageInvert": "invert",
        "ImagePadForOutpaint": "expand_image",
        "ImageScale": "upscale",
        "ImageScaleBy": "upscale",
        "KSampler": "sample",
        "KSamplerAdvanced": "sample",
        "LatentUpscale": "upscale",
        "LatentUpscaleBy": "upscale",
        "LoadImage": "load_image",
        "LoadImageMask": "load_image",
        "LoraLoader": "load_lora",
        "PreviewImage": "save_images",
        "RepeatLatentBatch": "repeat",
        "SaveImage": "save_images",
        "SetLatentNoiseMask": "set_mask",
        "UNETLoader": "load_unet",
        "VAEDecode": "decode",
        "VAEDecodeTiled": "decode",
        "VAEEncode": "encode",
        "VAEEncodeForInpaint": "encode",
        "VAEEncodeTiled": "encode",
        "VAELoader": "load_vae",
    }
)
"""Node id -> the method that runs it. Other nodes run by ``run``, and on an object by any name."""


class Looked:
    """An attribute that is looked up when somebody reads it, and that a pack may set on an object."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self._look = look

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        return self._look()


def saving_attributes(node_id: str, folder: Callable[[str], str]) -> dict[str, Any]:
    """Return what a class that saves pictures has besides: packs that derive from it write files by it themselves.

    Args:
        node_id: the node.
        folder: from ``output`` or ``temp`` to the path of that folder now.

    """
    if node_id not in ("SaveImage", "PreviewImage"):
        return {}
    kind = "output" if node_id == "SaveImage" else "temp"
    return {
        "output_dir": Looked(lambda: folder(kind)),
        "type": kind,
        "prefix_append": "" if kind == "output" else "_temp",
        "compress_level": 4 if kind == "output" else 1,
    }
