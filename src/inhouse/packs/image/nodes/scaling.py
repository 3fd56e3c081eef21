"""Nodes that scale pictures."""

from typing import Annotated

from inhouse import Choices, Image, Range, node

_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
_SIDE = Range(0, 16384, step=1)


@node("ImageScale", category="image/upscaling", display_name="Upscale Image")
def image_scale(
    *,
    image: Image,
    upscale_method: Annotated[str, Choices(_METHODS)],
    width: Annotated[int, _SIDE] = 512,
    height: Annotated[int, _SIDE] = 512,
    crop: Annotated[str, Choices(("disabled", "center"))],
) -> Image:
    """Scale a picture to a size; 0 keeps the aspect ratio."""
    from inhouse.packs.image.scaling import scale

    return scale(image, width, height, upscale_method, crop=crop == "center")


@node("ImageScaleBy", category="image/upscaling", display_name="Upscale Image By")
def image_scale_by(
    *,
    image: Image,
    upscale_method: Annotated[str, Choices(_METHODS)],
    scale_by: Annotated[float, Range(0.01, 8, step=0.01)] = 1.0,
) -> Image:
    """Scale a picture by a factor."""
    from inhouse.packs.image import scaling

    return scaling.scale_by(image, scale_by, upscale_method)


@node("ImageScaleToTotalPixels", category="image/upscaling")
def image_scale_to_total_pixels(
    *,
    image: Image,
    upscale_method: Annotated[str, Choices(_METHODS)],
    megapixels: Annotated[float, Range(0.01, 16, step=0.01)] = 1.0,
) -> Image:
    """Scale a picture to so many megapixels (of 1024 x 1024), keeping its aspect ratio."""
    from inhouse.packs.image.scaling import scale_to_pixels

    return scale_to_pixels(image, megapixels, upscale_method)


@node("ImageScaleToMaxDimension", category="image/upscaling")
def image_scale_to_max_dimension(
    *,
    image: Image,
    upscale_method: Annotated[str, Choices(("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic"))],
    largest_size: Annotated[int, _SIDE] = 512,
) -> Image:
    """Scale a picture so that its longer side has that length; 0 leaves it as it is."""
    from inhouse.packs.image.scaling import scale_to_largest

    return scale_to_largest(image, largest_size, upscale_method) if largest_size else image


@node("ResizeAndPadImage", category="image/transform")
def resize_and_pad_image(
    *,
    image: Image,
    target_width: Annotated[int, Range(1, 16384, step=1)] = 512,
    target_height: Annotated[int, Range(1, 16384, step=1)] = 512,
    padding_color: Annotated[str, Choices(("white", "black"))],
    interpolation: Annotated[str, Choices(("area", "bicubic", "nearest-exact", "bilinear", "lanczos"))],
) -> Image:
    """Fit a picture into a size, keeping its aspect ratio, and fill what is left with a colour."""
    from inhouse.packs.image.geometry import resize_and_pad

    return resize_and_pad(image, target_width, target_height, 1.0 if padding_color == "white" else 0.0, interpolation)


NODES = (
    image_scale,
    image_scale_by,
    image_scale_to_total_pixels,
    image_scale_to_max_dimension,
    resize_and_pad_image,
)
