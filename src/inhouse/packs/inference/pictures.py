"""Nodes between picture files and tensors."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Annotated, Any

from inhouse import Choices, Image, Output, Range, Wire, node
from inhouse.errors import NodeInputError
from inhouse.packs.inference.wires import Files, Pictures, Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CATEGORY = "inference/image"
LARGEST = 64 * 1024 * 1024
"""Pixels that a picture may have; a file of some bytes could else ask for all memory."""
_MODES = ("nearest", "lanczos", "bilinear", "bicubic")
_COLOURS = {1: "L", 3: "RGB", 4: "RGBA"}


@node("DecodeImages", category=_CATEGORY, display_name="Decode Images")
def decode_images(
    *, files: Files, channels: Annotated[int, Range(1, 4)] = 3
) -> Annotated[Any, Wire("PICTURES"), Output("images")]:
    """Read picture files: PNG, JPEG, WebP and what else Pillow reads; turned upright as their cameras say."""
    return [_decoded(file, channels, f"Picture {number}") for number, file in enumerate(files, 1)]


def _decoded(file: bytes, channels: int, name: str) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image as Pillow
    from PIL import ImageOps

    if channels not in _COLOURS:
        raise NodeInputError("A picture has 1, 3 or 4 channels.", input_name="channels")
    try:
        with Pillow.open(io.BytesIO(file)) as picture:
            width, height = picture.size
            small = width * height <= LARGEST
            pixels = np.asarray(ImageOps.exif_transpose(picture).convert(_COLOURS[channels])) if small else None
    except Exception as error:  # what spoilt bytes lead to is of any kind
        raise NodeInputError(f"{name} is no picture that can be read.", hint="Send PNG, JPEG or WebP.") from error
    if pixels is None:
        raise NodeInputError(f"{name} has {width} x {height} pixels; {LARGEST} are the most.")
    return pixels[..., None] if channels == 1 else pixels


@node("ResizeImages", category=_CATEGORY, display_name="Resize Images")
def resize_images(
    *,
    images: Pictures,
    size: Annotated[int, Range(1, 8192)] = 224,
    crop: Annotated[int, Range(0, 8192)] = 0,
    mode: Annotated[str, Choices(_MODES)] = "bicubic",
) -> Annotated[Any, Wire("PICTURES"), Output("images")]:
    """Bring the shorter side of each picture to a size, then cut the middle out; a crop of 0 cuts nothing."""
    return [_resized(picture, size, crop, mode) for picture in images]


def _resized(picture: NDArray[np.uint8], size: int, crop: int, mode: str) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image as Pillow

    height, width = picture.shape[:2]
    scale = size / min(height, width)
    wide, high = (max(crop, round(side * scale)) for side in (width, height))
    source = Pillow.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    sized = source.resize((wide, high), Pillow.Resampling[mode.upper()])
    if crop:
        left, top = (wide - crop) // 2, (high - crop) // 2
        sized = sized.crop((left, top, left + crop, top + crop))
    pixels = np.asarray(sized)
    return pixels[..., None] if pixels.ndim == 2 else pixels


@node("ScalePixels", category=_CATEGORY, display_name="Scale Pixels")
def scale_pixels(
    *,
    images: Pictures,
    mean: str = "127.5, 127.5, 127.5",
    std: str = "127.5, 127.5, 127.5",
    layout: Annotated[str, Choices(("NCHW", "NHWC"))] = "NCHW",
) -> Annotated[Any, Wire("TENSOR"), Output("tensor")]:
    """Turn pictures of one size into a tensor: (pixel - mean) / std, a value a channel or one for all."""
    import numpy as np

    shapes = {picture.shape for picture in images}
    if len(shapes) != 1:
        raise NodeInputError("The pictures have several sizes.", hint="Resize and crop them first.")
    pixels = np.stack(images).astype(np.float32)
    pixels -= _numbers("mean", mean, pixels.shape[-1])
    pixels /= _numbers("std", std, pixels.shape[-1])
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)) if layout == "NCHW" else pixels


def _numbers(name: str, text: str, channels: int) -> NDArray[np.float32]:
    import numpy as np

    try:
        numbers = np.array([float(part) for part in text.split(",")], dtype=np.float32)
    except ValueError as error:
        raise NodeInputError(f"{text!r:.60} are no numbers.", input_name=name, hint="Write 0.5, 0.5, 0.5.") from error
    if len(numbers) not in (1, channels) or (name == "std" and not numbers.all()):
        raise NodeInputError(f"{name} wants {channels} numbers other than 0, or one.", input_name=name)
    return numbers


@node("TensorToImage", category=_CATEGORY, display_name="Tensor to Image")
def tensor_to_image(*, tensor: Tensor) -> Image:
    """Show a tensor of 0 to 1 as pictures: (batch, channels, height, width) with 1 or 3 channels."""
    import numpy as np
    import torch

    if tensor.ndim != 4 or tensor.shape[1] not in (1, 3):
        raise NodeInputError(f"{tuple(tensor.shape)} are no pictures.", hint="(batch, 1 or 3, height, width) are.")
    three = np.repeat(tensor, 3, axis=1) if tensor.shape[1] == 1 else tensor
    return torch.from_numpy(np.ascontiguousarray(three.transpose(0, 2, 3, 1), dtype=np.float32)).clamp(0, 1)


@node("ImageToTensor", category=_CATEGORY, display_name="Image to Tensor")
def image_to_tensor(*, image: Image) -> Annotated[Any, Wire("TENSOR"), Output("tensor")]:
    """Turn pictures of the canvas into a tensor (batch, channels, height, width), 0 to 1."""
    return image.permute(0, 3, 1, 2).contiguous().float().cpu().numpy()


NODES = (decode_images, resize_images, scale_pixels, tensor_to_image, image_to_tensor)
