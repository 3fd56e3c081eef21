"""Nodes between pixels and latents."""

from __future__ import annotations

from typing import Annotated

from inhouse import Image, Latent, Mask, Range, node
from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.wires import Vae

Overlap = Annotated[int, Range(0, 4096, step=32)]
Frames = Annotated[int, Range(8, 4096, step=4)]
FrameOverlap = Annotated[int, Range(4, 4096, step=4)]


def whole(vae: Vae | None) -> Vae:
    """Return an autoencoder that is there.

    Raises:
        NodeInputError: the checkpoint had none.

    """
    if vae is None:
        raise NodeInputError("The checkpoint has no VAE.", hint="Load one with VAELoader.", input_name="vae")
    return vae


@node("VAEDecode", category="latent", display_name="VAE Decode")
def decode(*, samples: Latent, vae: Vae | None) -> Image:
    """Turn latents into pictures."""
    return whole(vae).decode(samples["samples"])


@node("VAEEncode", category="latent", display_name="VAE Encode")
def encode(*, pixels: Image, vae: Vae | None) -> Latent:
    """Turn pictures into latents."""
    return {"samples": whole(vae).encode(pixels)}


@node("VAEDecodeTiled", category="_for_testing", display_name="VAE Decode (Tiled)")
def decode_tiled(
    *,
    samples: Latent,
    vae: Vae | None,
    tile_size: Annotated[int, Range(64, 4096, step=32)] = 512,
    overlap: Overlap = 64,
    temporal_size: Frames = 64,  # noqa: ARG001 - on the wire; for video
    temporal_overlap: FrameOverlap = 8,  # noqa: ARG001 - as above
) -> Image:
    """Turn latents into pictures tile by tile, which takes less memory; the temporal inputs are for video."""
    return whole(vae).decode_tiled(samples["samples"], tile_size=tile_size, overlap=overlap)


@node("VAEEncodeTiled", category="_for_testing", display_name="VAE Encode (Tiled)")
def encode_tiled(
    *,
    pixels: Image,
    vae: Vae | None,
    tile_size: Annotated[int, Range(64, 4096, step=64)] = 512,
    overlap: Overlap = 64,
    temporal_size: Frames = 64,  # noqa: ARG001 - on the wire; for video
    temporal_overlap: FrameOverlap = 8,  # noqa: ARG001 - as above
) -> Latent:
    """Turn pictures into latents tile by tile, which takes less memory; the temporal inputs are for video."""
    return {"samples": whole(vae).encode_tiled(pixels, tile_size=tile_size, overlap=overlap)}


@node("VAEEncodeForInpaint", category="latent/inpaint", display_name="VAE Encode (for Inpainting)")
def encode_for_inpaint(
    *, pixels: Image, vae: Vae | None, mask: Mask, grow_mask_by: Annotated[int, Range(0, 64, step=1)] = 6
) -> Latent:
    """Turn pictures into latents with the masked part greyed out, to be painted anew."""
    from inhouse.packs.diffusion import inpainting

    return inpainting.encode_for_inpaint(whole(vae), pixels, mask, grow_mask_by)


NODES = [decode, encode, decode_tiled, encode_tiled, encode_for_inpaint]
