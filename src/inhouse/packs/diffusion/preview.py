"""A cheap look at a latent: each of its pixels as a colour, without a VAE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

RGB_FACTORS = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)
"""Red, green and blue in -1..1 of each channel of Stable Diffusion 1's scaled latents, found by regression by keturn:
https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204."""


def latent_to_rgb(latent: Tensor) -> NDArray[np.uint8]:
    """Return the first picture of a batch as 8-bit RGB (height, width, 3), an eighth of its size.

    Args:
        latent: (batch, channels, height, width) as the network sees it, of unit variance. Channels beyond the fourth
            are left out.

    """
    import torch

    channels = min(latent.shape[1], len(RGB_FACTORS))
    factors = torch.tensor(RGB_FACTORS[:channels])
    rgb = torch.einsum("chw,cr->hwr", latent[0, :channels].detach().float().cpu(), factors)
    pixels: NDArray[np.uint8] = ((rgb + 1) * 127.5).nan_to_num().clamp(0, 255).round().to(torch.uint8).numpy()
    return pixels
