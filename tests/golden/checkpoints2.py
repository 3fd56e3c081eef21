"""The second set of golden models: other families, split files, ControlNets, textual inversions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from tests.golden.others_names import diffusers_control, diffusers_vae, openclip
from tests.golden.shapes import ControlShapes, Tensors, UNetShapes, VaeShapes
from tests.golden.transformers import ClipShapes, MmditShapes


def _joined(**parts: Tensors) -> Tensors:
    """Return a checkpoint of parts; two underscores of a name stand for a dot."""
    return {
        f"{head.replace('__', '.')}.{name}": tensor for head, part in parts.items() for name, tensor in part.items()
    }


def _clip_l(seed: int, projection: int | None = None) -> Tensors:
    return ClipShapes(projection=projection).draw(seed, torch.half)


def _clip_g() -> Tensors:
    return ClipShapes(1280, 32, 5120, 1280).draw(3003, torch.half)


def _tiny_unet(seed: int, in_channels: int = 4) -> Tensors:
    return UNetShapes([1, 1], [1, 1], 1, [1] * 4, in_channels=in_channels).carrying(seed)


def _tiny(unet: Tensors, vae_seed: int, clip_seed: int) -> Tensors:
    return _joined(
        model__diffusion_model=unet,
        first_stage_model=VaeShapes().scaled(vae_seed),
        cond_stage_model__transformer=_clip_l(clip_seed),
    )


def _sdxl_unet() -> Tensors:
    up = [10, 10, 10, 2, 2, 2, 0, 0, 0]
    unet = UNetShapes([1, 2, 1], [0, 0, 2, 2, 10, 10], 10, up, context=2048, linear=True, vector=2816)
    return {name: tensor.half() for name, tensor in unet.carrying(3001).items()}


def _sdxl() -> Tensors:
    return _joined(
        model__diffusion_model=_sdxl_unet(),
        first_stage_model=VaeShapes().scaled(3004),
        conditioner__embedders__0__transformer=_clip_l(3002),
        conditioner__embedders__1__model=openclip(_clip_g()),
    )


def _sd2(*, velocity: bool) -> Tensors:
    """Draw Stable Diffusion 2; the spread of one bias tells what its network predicts."""
    up = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    unet = UNetShapes([1, 2, 1, 1], [1, 1, 1, 1, 1, 1, 0, 0], 1, up, context=1024, linear=True).carrying(3101)
    bias = unet["output_blocks.11.1.transformer_blocks.0.norm1.bias"]
    bias *= (0.2 if velocity else 0.05) / bias.std()
    return _joined(
        model__diffusion_model=unet,
        first_stage_model=VaeShapes().scaled(3104),
        cond_stage_model__model=openclip(ClipShapes(1024, 24, 4096, 1024).draw(3103, torch.half)),
    )


def _sd3() -> Tensors:
    return _joined(
        model__diffusion_model=MmditShapes().draw(3301, torch.half),
        first_stage_model=VaeShapes(16, quantised=False).scaled(3304, 1.5),
        text_encoders__clip_l__transformer=_clip_l(3002, 768),
        text_encoders__clip_g__transformer=_clip_g(),
    )


def _control(seed: int, *, full: bool = False) -> Tensors:
    levels, depths = ([1, 2, 4, 4], [1, 1, 1, 1, 1, 1, 0, 0]) if full else ([1, 1], [1, 1])
    return ControlShapes(levels, depths).sparing(seed)


def _embedding(seed: int, width: int) -> torch.Tensor:
    drawn = torch.randn((2, width), generator=torch.Generator().manual_seed(seed))
    return drawn * (1.0 / math.sqrt(width)) * 1.5


def _marked() -> Tensors:
    return {**_sdxl_unet(), "v_pred": torch.tensor([]), "ztsnr": torch.tensor([])}


DRAWN: Mapping[str, Mapping[str, Callable[[], Tensors]]] = {
    "checkpoints": {
        "sdxl": _sdxl,
        "sd2_eps": lambda: _sd2(velocity=False),
        "sd2_v": lambda: _sd2(velocity=True),
        "sd3": _sd3,
        "sd15_inpaint": lambda: _tiny(_tiny_unet(3201, 9), 1002, 1003),
        "tiny_b": lambda: _tiny(_tiny_unet(1101), 1102, 1103),
    },
    "diffusion_models": {
        "sdxl_unet": _sdxl_unet,
        "sdxl_unet_vpred": _marked,
        "sd35_unet": lambda: MmditShapes(6, normed=True, twice=(0, 1, 2)).draw(3302, torch.half),
        "tiny_unet": lambda: _tiny_unet(1001),
    },
    "text_encoders": {
        "sdxl_clip_l": lambda: _clip_l(3002),
        "sdxl_clip_g": _clip_g,
        "sd3_clip_l": lambda: _clip_l(3002, 768),
        "tiny_clip": lambda: _clip_l(1003),
    },
    "vae": {
        "sdxl_vae": lambda: VaeShapes().scaled(3004),
        "sd3_vae": lambda: VaeShapes(16, quantised=False).scaled(3304, 1.5),
        "vae_b": lambda: VaeShapes().scaled(3202),
        "vae_b_diffusers": lambda: diffusers_vae(VaeShapes().scaled(3202)),
    },
    "controlnet": {
        "cn_a": lambda: _joined(control_model=_control(5001)),
        "cn_a_shuffle": lambda: _joined(control_model=_control(5001)),
        "cn_b": lambda: _joined(control_model=_control(5002)),
        "cn_noprefix": lambda: _control(5001),
        "cn_full_ldm": lambda: _joined(control_model=_control(5003, full=True)),
        "cn_full_diffusers": lambda: diffusers_control(_control(5003, full=True)),
    },
    "embeddings": {
        "emb_2v": lambda: {"emb_params": _embedding(6001, 768)},
        "emb_xl": lambda: {"clip_l": _embedding(6002, 768), "clip_g": _embedding(6003, 1280)},
        "emb_sd2": lambda: {"emb_params": _embedding(6004, 1024)},
        "emb_a1111": lambda: {"*": _embedding(6005, 768)},
    },
}
"""Folder of a models folder -> kind -> what draws it. When the results were made, ``emb_a1111`` was a pickle of
float32; a pickle is never loaded here, so it is converted."""
WHOLE = frozenset({"emb_a1111"})
"""Kinds that are stored in float32; the others in float16."""

KINDS = {
    kind: (f"{folder}/{kind}.safetensors", draw) for folder, kinds in DRAWN.items() for kind, draw in kinds.items()
}
"""Kind -> its file, under a models folder, and what draws it."""
