"""Nodes that write pictures."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from inhouse import Choices, Context, Image, Link, Mask, Range, Result, node
from inhouse.files import Folders, write_numbered

_FPS = Range(0.01, 1000, step=0.01)
_METHODS = {"default": 4, "fastest": 0, "slowest": 6}
_PREVIEW_COMPRESSION = 1


@node("SaveImage", category="image", display_name="Save Image", output_node=True)
def save_image(*, images: Image, filename_prefix: str = "ComfyUI", context: Context) -> Result:
    """Save pictures as PNG files in the output folder, each with the workflow that made it."""
    return _save_stills(images, filename_prefix, context, "output", 4)


@node("PreviewImage", category="image", display_name="Preview Image", output_node=True)
def preview_image(*, images: Image, context: Context) -> Result:
    """Show pictures without keeping them."""
    return _save_stills(images, _preview_prefix(), context, "temp", _PREVIEW_COMPRESSION)


@node("MaskPreview", category="mask", output_node=True)
def mask_preview(*, mask: Mask, context: Context) -> Result:
    """Show masks as grey pictures without keeping them."""
    from inhouse.packs.image.masks import to_image

    return _save_stills(to_image(mask), _preview_prefix(), context, "temp", _PREVIEW_COMPRESSION)


@node("SaveAnimatedWEBP", category="image/animation", output_node=True)
def save_animated_webp(
    *,
    images: Image,
    filename_prefix: str = "ComfyUI",
    fps: Annotated[float, _FPS] = 6.0,
    lossless: bool = True,
    quality: Annotated[int, Range(0, 100)] = 80,
    method: Annotated[str, Choices(tuple(_METHODS))],
    context: Context,
) -> Result:
    """Save a batch as one animated WebP file."""
    from inhouse.packs.image.encoding import animated_webp, pictures

    frames = pictures(images)
    data = animated_webp(
        frames, _documents(context), fps=fps, lossless=lossless, quality=quality, method=_METHODS[method]
    )
    saved = _write(data, _prefix(filename_prefix, frames[0].size, context), ".webp", context, "output")
    return Result(ui={"images": [saved], "animated": (True,)})


@node("SaveAnimatedPNG", category="image/animation", output_node=True)
def save_animated_png(
    *,
    images: Image,
    filename_prefix: str = "ComfyUI",
    fps: Annotated[float, _FPS] = 6.0,
    compress_level: Annotated[int, Range(0, 9)] = 4,
    context: Context,
) -> Result:
    """Save a batch as one animated PNG file."""
    from inhouse.packs.image.encoding import animated_png, pictures

    frames = pictures(images)
    data = animated_png(frames, _documents(context), fps=fps, compress_level=compress_level)
    saved = _write(data, _prefix(filename_prefix, frames[0].size, context), ".png", context, "output")
    return Result(ui={"images": [saved], "animated": (True,)})


def _save_stills(images: Image, prefix: str, context: Context, kind: str, compress_level: int) -> Result:
    from inhouse.packs.image.encoding import pictures, png

    documents = _documents(context)
    stills = pictures(images)
    prefix = _prefix(prefix, stills[0].size, context)
    saved = []
    for number, still in enumerate(stills):
        data = png(still, documents, compress_level=compress_level)
        saved.append(_write(data, prefix.replace("%batch_num%", str(number)), ".png", context, kind))
        context.check()
    return Result(ui={"images": saved})


def _write(data: bytes, prefix: str, suffix: str, context: Context, kind: str) -> dict[str, str]:
    """Write a file under the next free number and return what a canvas needs to find it."""
    folders = context.service(Folders)
    folder: Path = getattr(folders, kind)
    claim = folders.claim(context.node_id, folder, suffix)
    path = write_numbered(folder, prefix, suffix, lambda file: file.write(data), claim=claim)
    subfolder = path.parent.relative_to(folder.resolve()).as_posix()
    return {"filename": path.name, "subfolder": "" if subfolder == "." else subfolder, "type": kind}


def _documents(context: Context) -> dict[str, Any]:
    source = context.workflow.source
    return {name: source[name] for name in ("prompt", "workflow") if source.get(name)}


def _prefix(prefix: str, size: tuple[int, int], context: Context) -> str:
    from inhouse.packs.image.filenames import expand

    now = datetime.now(UTC).astimezone()
    return expand(prefix, *size, now, lambda name, field: _literal(context, name, field))


def _literal(context: Context, name: str, field: str) -> Any:
    """Return a typed-in input of the first node of that title or type; None if there is none."""
    for other in context.workflow.nodes.values():
        inputs: Mapping[str, Any] = other.inputs
        if name in (other.title, other.type) and field in inputs and not isinstance(inputs[field], Link):
            return inputs[field]
    return None


def _preview_prefix() -> str:
    """Make a name that no browser remembers from an earlier start, when the temporary folder was another."""
    return f"ComfyUI_temp_{secrets.token_hex(3)}"


NODES = (save_image, preview_image, mask_preview, save_animated_webp, save_animated_png)
