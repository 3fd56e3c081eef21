"""Small helpers for nodes, as custom packs import them (``node_helpers``)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from PIL import Image


def conditioning_set_values(
    conditioning: Sequence[Sequence[Any]],
    values: Mapping[str, Any] | None = None,
    append: bool = False,  # noqa: FBT001, FBT002 - packs call it so
) -> list[list[Any]]:
    """Return a conditioning with options set on every entry.

    Args:
        conditioning: entries of (vectors, options).
        values: the options.
        append: add a value that is a list to the list that is there.

    """
    changed = []
    for vectors, options, *rest in conditioning:
        new = dict(options)
        for name, value in (values or {}).items():
            before = new.get(name)
            new[name] = [*before, *value] if append and before is not None else value
        changed.append([vectors, new, *rest])
    return changed


def pillow(fn: Callable[[Any], Any], arg: Any) -> Any:
    """Call a function of Pillow's, and once more with truncated files allowed if it stumbles over one."""
    from PIL import ImageFile, UnidentifiedImageError

    try:
        return fn(arg)
    except (OSError, UnidentifiedImageError, ValueError):
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            return fn(arg)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def hasher() -> Any:
    """Return the hash function by which packs tell files apart."""
    return hashlib.sha256


def string_to_torch_dtype(string: str) -> torch.dtype | None:
    """Return the type that ``fp32``, ``fp16`` or ``bf16`` names; None for another name."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}.get(string)


def image_alpha_fix(destination: torch.Tensor, source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two pictures (..., channels) with as many channels as the first: an opaque alpha is added, or cut off."""
    import torch

    wanted, given = destination.shape[-1], source.shape[-1]
    if given > wanted:
        return destination, source[..., :wanted]
    if given < wanted:
        source = torch.nn.functional.pad(source, (0, wanted - given))
        source[..., -1] = 1.0
    return destination, source


def open_image(file_path: str) -> Image.Image:
    """Return a picture that a file has."""
    from PIL import Image

    opened: Image.Image = pillow(Image.open, file_path)
    return opened
