"""A cheap look at a latent: each of its pixels as a colour, without a VAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Colours:
    """What colours a family's scaled latents stand for.

    Attributes:
        factors: red, green and blue in -1..1 of each channel.
        offset: red, green and blue in -1..1 where all channels are 0.

    """

    factors: tuple[tuple[float, float, float], ...]
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)


SD = Colours(((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)))
"""Stable Diffusion 1 and 2, found by regression by keturn:
https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204."""
SDXL = Colours(
    ((0.471, 0.471, 0.471), (-0.471, -0.039, 0.078), (0.196, 0.118, -0.039), (-0.549, -0.392, -0.275)),
    (0.176, 0.098, 0.02),
)
"""SDXL and its refiner, found by Vass (2023): https://huggingface.co/blog/TimothyAlexisVass/explaining-the-sdxl-latent-space."""


def latent_to_rgb(latent: Tensor, colours: Colours = SD) -> NDArray[np.uint8]:
    """Return the first picture of a batch as 8-bit RGB (height, width, 3), one pixel a latent's.

    Args:
        latent: (batch, channels, height, width) as the network sees it, of unit variance. Channels beyond those that
            have a colour are left out.
        colours: what the channels stand for.

    """
    import torch

    channels = min(latent.shape[1], len(colours.factors))
    factors = torch.tensor(colours.factors[:channels])
    rgb = torch.einsum("chw,cr->hwr", latent[0, :channels].detach().float().cpu(), factors)
    rgb = rgb + torch.tensor(colours.offset)
    pixels: NDArray[np.uint8] = ((rgb + 1) * 127.5).nan_to_num().clamp(0, 255).round().to(torch.uint8).numpy()
    return pixels
