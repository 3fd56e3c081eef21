"""What SDXL and its refiner are told of a picture beside the text: sizes, as the timestep is told.

Podell et al. (2023), https://arxiv.org/abs/2307.01952, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.packs.diffusion.conditioning import PIXELS_PER_LATENT
from inhouse.packs.diffusion.families.joint import pooled

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.unet import Conditioner
    from inhouse.packs.diffusion.weights import Weights

    Options: TypeAlias = Mapping[str, Any]

CHANNELS = 256
"""Of the vector that stands for one number."""
SIZES = ("height", "width", "crop_h", "crop_w", "target_height", "target_width")
REFINER_SIZES = ("height", "width", "crop_h", "crop_w", "aesthetic_score")

_MARKS = ("input_blocks.0.0.weight", "time_embed.0.weight", "out.2.weight", "label_emb.0.0.weight")


def number_of_sizes(shapes: Shapes) -> int:
    """Return how many numbers a UNet of SDXL's kind is told beside the pooled output; 0 for one of another kind.

    Its highest level has no attention, and its attention linear projections. The refiner's pooled output is as wide as
    its tokens, which come from the same encoder; the base model's is narrower, since a second encoder adds to them.
    """
    context = next((shape[1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight")), 0)
    linear = {len(shape) for name, shape in shapes.items() if name.endswith(".proj_in.weight")} == {2}
    if not linear or "input_blocks.1.1.proj_in.weight" in shapes or any(mark not in shapes for mark in _MARKS):
        return 0
    vector = shapes["label_emb.0.0.weight"][-1]
    if vector - CHANNELS * len(REFINER_SIZES) == context:
        return len(REFINER_SIZES)
    return len(SIZES) if 0 < vector - CHANNELS * len(SIZES) < context else 0


def sizes_of(options: Options, latent_size: tuple[int, int]) -> list[float]:
    """Return the sizes in pixels that an entry of a conditioning states, those of the picture where it does not."""
    height = options.get("height", latent_size[0] * PIXELS_PER_LATENT)
    width = options.get("width", latent_size[1] * PIXELS_PER_LATENT)
    crop = [options.get("crop_h", 0), options.get("crop_w", 0)]
    return [height, width, *crop, options.get("target_height", height), options.get("target_width", width)]


def and_sizes(title: str, weights: Weights, numbers: Callable[[Options, tuple[int, int]], list[float]]) -> Conditioner:
    """Return what tells a network of SDXL's kind the pooled output of an entry, (1 or batch, channels), and sizes.

    Args:
        title: of the family.
        weights: the network's; they tell how wide the pooled output has to be.
        numbers: from an entry's options and the latent's height and width to the sizes.

    """
    total = weights["label_emb.0.0.weight"].shape[-1]

    def conditioner(options: Options, latent_size: tuple[int, int]) -> Mapping[str, Tensor]:
        import torch

        from inhouse.packs.diffusion.networks.residual import timestep_embedding

        told = numbers(options, latent_size)
        vector = pooled(title, total - CHANNELS * len(told))(options, latent_size)["vector"]
        sizes = timestep_embedding(torch.tensor(told, dtype=torch.float32), CHANNELS).flatten()[None]
        return {"vector": torch.cat([vector, sizes.to(vector).expand(len(vector), -1)], dim=-1)}

    return conditioner
