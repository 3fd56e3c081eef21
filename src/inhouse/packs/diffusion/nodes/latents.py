"""Nodes that make, shape, mix, save and load latents."""

from __future__ import annotations

import json
from typing import Annotated, Any

from inhouse import Choices, Context, Latent, Mask, Range, Result, node
from inhouse.files import Folders, digest, write_numbered

Side = Annotated[int, Range(16, 16384, step=8)]
Length = Annotated[int, Range(0, 16384, step=8)]
Cut = Annotated[int, Range(64, 16384, step=8)]
UpscaleMethod = Annotated[str, Choices(("nearest-exact", "bilinear", "area", "bicubic", "bislerp"))]


@node("EmptyLatentImage", category="latent", display_name="Empty Latent Image")
def empty(*, width: Side = 512, height: Side = 512, batch_size: Annotated[int, Range(1, 4096)] = 1) -> Latent:
    """Start from nothing: a batch of latents of zeros, sizes in pixels."""
    from inhouse.packs.diffusion import latents

    return latents.empty(width, height, batch_size)


@node("LatentUpscale", category="latent", display_name="Upscale Latent")
def upscale(
    *,
    samples: Latent,
    upscale_method: UpscaleMethod,
    width: Length = 512,
    height: Length = 512,
    crop: Annotated[str, Choices(("disabled", "center"))],
) -> Latent:
    """Resize latents to a size in pixels; 0 keeps the proportion."""
    from inhouse.packs.diffusion import latents

    return latents.upscale(samples, upscale_method, width, height, crop=crop == "center")


@node("LatentUpscaleBy", category="latent", display_name="Upscale Latent By")
def upscale_by(
    *, samples: Latent, upscale_method: UpscaleMethod, scale_by: Annotated[float, Range(0.01, 8, step=0.01)] = 1.5
) -> Latent:
    """Resize latents by a factor."""
    from inhouse.packs.diffusion import latents

    return latents.upscale_by(samples, upscale_method, scale_by)


@node("LatentFromBatch", category="latent/batch", display_name="Latent From Batch")
def from_batch(
    *,
    samples: Latent,
    batch_index: Annotated[int, Range(0, 63)] = 0,
    length: Annotated[int, Range(1, 64)] = 1,
) -> Latent:
    """Take some latents out of a batch; each keeps its noise."""
    from inhouse.packs.diffusion import latents

    return latents.from_batch(samples, batch_index, length)


@node("RepeatLatentBatch", category="latent/batch", display_name="Repeat Latent Batch")
def repeat(*, samples: Latent, amount: Annotated[int, Range(1, 64)] = 1) -> Latent:
    """Repeat a batch of latents."""
    from inhouse.packs.diffusion import latents

    return latents.repeat_batch(samples, amount)


@node("LatentBatch", category="latent/batch")
def batch(*, samples1: Latent, samples2: Latent) -> Latent:
    """Put two batches of latents into one."""
    from inhouse.packs.diffusion import latents

    return latents.batch(samples1, samples2)


@node("LatentComposite", category="latent", display_name="Latent Composite")
def composite(*, samples_to: Latent, samples_from: Latent, x: Length = 0, y: Length = 0, feather: Length = 0) -> Latent:
    """Paste latents into others at a place in pixels."""
    from inhouse.packs.diffusion import latents

    return latents.composite(samples_to, samples_from, x, y, feather)


@node("LatentCompositeMasked", category="latent")
def composite_masked(
    *,
    destination: Latent,
    source: Latent,
    x: Length = 0,
    y: Length = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Latent:
    """Paste latents into others where a mask lets them."""
    from inhouse.packs.diffusion import latents

    return latents.composite_masked(destination, source, x, y, resize_source=resize_source, mask=mask)


@node("LatentBlend", category="_for_testing", display_name="Latent Blend")
def blend(
    *, samples1: Latent, samples2: Latent, blend_factor: Annotated[float, Range(0, 1, step=0.01)] = 0.5
) -> Latent:
    """Mix two latents; 1 is all the first."""
    from inhouse.packs.diffusion import latents

    return latents.blend(samples1, samples2, blend_factor)


@node("LatentAdd", category="latent/advanced")
def add(*, samples1: Latent, samples2: Latent) -> Latent:
    """Add two latents."""
    from inhouse.packs.diffusion import latents

    return latents.add(samples1, samples2)


@node("LatentSubtract", category="latent/advanced")
def subtract(*, samples1: Latent, samples2: Latent) -> Latent:
    """Subtract the second latent from the first."""
    from inhouse.packs.diffusion import latents

    return latents.subtract(samples1, samples2)


@node("LatentMultiply", category="latent/advanced")
def multiply(*, samples: Latent, multiplier: Annotated[float, Range(-10, 10, step=0.01)] = 1.0) -> Latent:
    """Scale a latent."""
    from inhouse.packs.diffusion import latents

    return latents.multiply(samples, multiplier)


@node("LatentInterpolate", category="latent/advanced")
def interpolate(*, samples1: Latent, samples2: Latent, ratio: Annotated[float, Range(0, 1, step=0.01)] = 1.0) -> Latent:
    """Mix the directions and the lengths of two latents; 1 is all the first."""
    from inhouse.packs.diffusion import latents

    return latents.interpolate(samples1, samples2, ratio)


@node("LatentRotate", category="latent/transform", display_name="Rotate Latent")
def rotate(
    *,
    samples: Latent,
    rotation: Annotated[str, Choices(("none", "90 degrees", "180 degrees", "270 degrees"))],
) -> Latent:
    """Turn latents clockwise."""
    from inhouse.packs.diffusion import latents

    return latents.rotate(samples, rotation)


@node("LatentFlip", category="latent/transform", display_name="Flip Latent")
def flip(
    *,
    samples: Latent,
    flip_method: Annotated[str, Choices(("x-axis: vertically", "y-axis: horizontally"))],
) -> Latent:
    """Mirror latents."""
    from inhouse.packs.diffusion import latents

    return latents.flip(samples, flip_method)


@node("LatentCrop", category="latent/transform", display_name="Crop Latent")
def crop(*, samples: Latent, width: Cut = 512, height: Cut = 512, x: Length = 0, y: Length = 0) -> Latent:
    """Cut a rectangle out of latents, in pixels."""
    from inhouse.packs.diffusion import latents

    return latents.crop(samples, width, height, x, y)


@node("SetLatentNoiseMask", category="latent/inpaint", display_name="Set Latent Noise Mask")
def set_noise_mask(*, samples: Latent, mask: Mask) -> Latent:
    """Let sampling change a latent only where a mask says so."""
    from inhouse.packs.diffusion import latents

    return latents.set_noise_mask(samples, mask)


@node(
    "SaveLatent",
    category="_for_testing",
    output_node=True,
    hidden={"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
)
def save(*, samples: Latent, filename_prefix: str = "latents/ComfyUI", context: Context) -> Result:
    """Write latents into a file of the output folder, with the workflow."""
    from inhouse.packs.diffusion.latent_files import serialise

    folders = context.service(Folders)
    metadata = {name: json.dumps(document) for name, document in context.workflow.source.items() if document}
    data = serialise(samples, metadata)
    claim = folders.claim(context.node_id, folders.output, ".latent")
    path = write_numbered(folders.output, filename_prefix, ".latent", lambda file: file.write(data), claim=claim)
    place = path.relative_to(folders.output.resolve())
    shown = {"filename": path.name, "subfolder": place.parent.as_posix().removeprefix("."), "type": "output"}
    return Result(ui={"latents": [shown]})


def _content(*, latent: str, context: Context) -> Any:
    return digest(context.service(Folders).path(latent))


@node("LoadLatent", category="_for_testing", fingerprint=_content)
def load(*, latent: Annotated[str, Choices("input/latents")], context: Context) -> Latent:
    """Read latents from a file of the input folder."""
    from inhouse.packs.diffusion.latent_files import load as read

    return read(context.service(Folders).path(latent))


NODES = [
    empty,
    upscale,
    upscale_by,
    from_batch,
    repeat,
    batch,
    composite,
    composite_masked,
    blend,
    add,
    subtract,
    multiply,
    interpolate,
    rotate,
    flip,
    crop,
    set_noise_mask,
    save,
    load,
]
