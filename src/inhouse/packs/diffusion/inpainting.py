"""Paint a part of a picture anew: encode it for that, and show it to models that were trained for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.diffusion.conditioning import Conditioning, set_values
from inhouse.packs.diffusion.latents import SCALE
from inhouse.packs.diffusion.resizing import repeat_to, resize_mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from inhouse.packs.diffusion.unet import DiffusionModel
    from inhouse.packs.diffusion.vae import Vae
    from inhouse.wires import Image, Latent, Mask

GRAY = 0.5
"""What is put in place of what will be painted."""
GRAY_LATENT = (0.8223, -0.6876, 0.6364, 0.1380)
"""The same as the network of Stable Diffusion 1 and 2 sees it, encoded and scaled."""


def encode_for_inpaint(vae: Vae, pixels: Image, mask: Mask, grow_mask_by: int = 6) -> Latent:
    """Encode a picture with the part to be painted greyed out.

    Args:
        vae: the autoencoder.
        pixels: (batch, height, width, channels), 0..1; cropped at the centre to a multiple of 8.
        mask: (batch, height, width), 1 where the picture is painted anew; stretched over the picture, and cut at 0.5.
        grow_mask_by: image pixels (0..64) by which the mask of the noise is wider than the grey.

    Returns:
        A latent with a ``noise_mask`` (batch, 1, height, width) in image pixels.

    """
    colours, planes = _fitted(pixels, mask)
    grown = grow(planes.round(), grow_mask_by)
    return {"samples": vae.encode(_greyed(colours, planes)), "noise_mask": grown[:, None]}


def condition_on_picture(
    positive: Conditioning, negative: Conditioning, vae: Vae, pixels: Image, mask: Mask, *, noise_mask: bool = True
) -> tuple[Conditioning, Conditioning, Latent]:
    """Tell a model that was trained for it what to paint anew, and around what.

    Args:
        positive: gets ``concat_latent_image`` and ``concat_mask`` as options.
        negative: likewise.
        vae: the autoencoder.
        pixels: (batch, height, width, channels), 0..1; cropped at the centre to a multiple of 8.
        mask: (batch, height, width), 1 where the picture is painted anew; stretched over the picture.
        noise_mask: whether sampling is to leave the rest of the picture exactly as it is.

    Returns:
        Both conditionings, and the picture as a latent.

    """
    colours, planes = _fitted(pixels, mask)
    told = {"concat_latent_image": vae.encode(_greyed(colours, planes)), "concat_mask": planes}
    latent: Latent = {"samples": vae.encode(colours)}
    if noise_mask:
        latent["noise_mask"] = planes[:, None]
    return set_values(positive, **told), set_values(negative, **told), latent


def shown_beside(
    model: DiffusionModel, options: Mapping[str, Any], latent: Tensor, noise_mask: Tensor | None
) -> Tensor | None:
    """Return what an inpainting model sees beside the noisy latent: a mask and a picture, (batch, 5, height, width).

    The conditioning says it; else it is the latent that is sampled under its noise mask; else grey to be painted.

    Args:
        model: the network.
        options: of an entry of a conditioning.
        latent: the clean latent that sampling starts from, (batch, channels, height, width), scaled.
        noise_mask: (batch, 1, height, width), or None.

    Returns:
        None for a model that sees nothing else.

    Raises:
        ModelUnsupportedError: the model wants to see something unknown.

    """
    import torch

    form, batch = model.latent_format, latent.shape[0]
    extra = model.in_channels - form.channels
    if extra == 0:
        return None
    if extra != form.channels + 1 or form.channels != len(GRAY_LATENT):
        raise ModelUnsupportedError(f"The model takes {model.in_channels} channels, {extra} of them unknown.")
    mask, picture = options.get("concat_mask"), options.get("concat_latent_image")
    if mask is not None and picture is not None:
        picture = form.into_model(picture.to(latent))
    elif noise_mask is not None:
        mask, picture = noise_mask, latent
    else:
        mask = torch.ones_like(latent[:, :1])
        picture = torch.tensor(GRAY_LATENT).to(latent).reshape(1, -1, 1, 1).expand_as(latent)
    planes = resize_mask(mask.to(latent), latent.shape[-1], latent.shape[-2]).round()
    return torch.cat([repeat_to(planes, batch), repeat_to(picture, batch)], dim=1)


def grow(mask: Tensor, pixels: int) -> Tensor:
    """Widen a mask (batch, height, width) of zeros and ones by a square of ``pixels`` pixels a side."""
    import math

    from torch.nn.functional import max_pool2d, pad

    if pixels < 2:
        return mask
    before = math.ceil((pixels - 1) / 2)
    padded = pad(mask[:, None], (before, pixels - 1 - before) * 2)
    return max_pool2d(padded, pixels, stride=1)[:, 0]


def _fitted(pixels: Image, mask: Mask) -> tuple[Tensor, Tensor]:
    """Return colours (batch, height, width, 3), and a mask (batch, height, width) stretched over them."""
    planes = resize_mask(mask, pixels.shape[2], pixels.shape[1])[:, 0]
    return _centred(pixels)[..., :3], _centred(planes)


def _greyed(colours: Tensor, planes: Tensor) -> Tensor:
    """Return colours with grey where a mask is above a half."""
    return (colours - GRAY) * (1 - planes.round())[..., None] + GRAY


def _centred(planes: Tensor) -> Tensor:
    """Crop (batch, height, width, ...) at the centre to multiples of a latent pixel."""
    for axis in (1, 2):
        length = planes.shape[axis]
        planes = planes.narrow(axis, length % SCALE // 2, length - length % SCALE)
    return planes
