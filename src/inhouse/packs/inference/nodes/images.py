"""Nodes that turn files of pictures into tensors, and scores into names."""

from typing import Annotated

from inhouse import Choices, Context, Range, node
from inhouse.packs.inference.wires import Artifact, Files, Labels, Pictures, Tensor

_CATEGORY = "inference/image"
_FILTERS = Choices(("bicubic", "bilinear", "lanczos", "nearest", "box", "hamming"))


@node("DecodeImages", category=_CATEGORY, display_name="Decode Images")
def decode_images(*, files: Files, channels: Annotated[int | None, Range(1, 4)] = 3) -> Pictures:
    """Read PNG, JPEG, WebP and what else Pillow reads, upright; 1, 3 or 4 channels."""
    from inhouse.packs.inference.pictures import decode

    return [decode(file, channels or 3) for file in files]


@node("ResizeImages", category=_CATEGORY, display_name="Resize Images")
def resize_images(
    *,
    images: Pictures,
    size: Annotated[int | None, Range(0, 8192)] = 256,
    crop: Annotated[int | None, Range(1, 8192)] = 224,
    mode: Annotated[str | None, _FILTERS] = "bicubic",
) -> Pictures:
    """Make the shorter side ``size`` and cut the middle square of ``crop`` out; with a size of 0, stretch to it."""
    from inhouse.packs.inference.pictures import resize

    return [resize(image, 256 if size is None else size, crop or 224, mode or "bicubic") for image in images]


@node("ScalePixels", category=_CATEGORY, display_name="Scale Pixels")
def scale_pixels(
    *,
    images: Pictures,
    mean: str | None = "127.5",
    std: str | None = "127.5",
    layout: Annotated[str | None, Choices(("NCHW", "NHWC"))] = "NCHW",
) -> Tensor:
    """Subtract the mean and divide by the deviation, in pixels of 0 to 255; one value, or one a channel."""
    from inhouse.packs.inference.pictures import numbers, scale

    return scale(images, numbers(mean or "0", "mean"), numbers(std or "1", "std"), layout or "NCHW")


@node("LoadLabels", category=_CATEGORY, display_name="Load Labels")
def load_labels(*, file: str | None = "labels.txt", artifact: Artifact | None = None, context: Context) -> Labels:
    """Read the names of a model's classes, one a line, in the order of its scores."""
    from inhouse.packs.inference.places import asset

    return asset(artifact, file or "labels.txt", context).read_text(encoding="utf-8").splitlines()


NODES = (decode_images, resize_images, scale_pixels, load_labels)
