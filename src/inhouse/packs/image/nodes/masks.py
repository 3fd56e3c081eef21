"""Nodes that make and change masks."""

from typing import Annotated

from inhouse import Choices, Image, Mask, Range, Widget, node

_OFFSET = Range(0, 16384, step=1)
_LENGTH = Range(1, 16384, step=1)
_FRACTION = Range(0, 1, step=0.01)


@node("MaskToImage", category="mask", display_name="Convert Mask to Image")
def mask_to_image(*, mask: Mask) -> Image:
    """Turn a mask into a grey picture."""
    from inhouse.packs.image.masks import to_image

    return to_image(mask)


@node("ImageToMask", category="mask", display_name="Convert Image to Mask")
def image_to_mask(*, image: Image, channel: Annotated[str, Choices(("red", "green", "blue", "alpha"))]) -> Mask:
    """Take one channel of a picture as a mask."""
    from inhouse.packs.image.masks import from_channel

    return from_channel(image, channel)


@node("ImageColorToMask", category="mask")
def image_color_to_mask(
    *, image: Image, color: Annotated[int, Range(0, 0xFFFFFF, step=1), Widget({"display": "color"})] = 0
) -> Mask:
    """Mark the pixels of exactly one colour, 0xRRGGBB."""
    from inhouse.packs.image.masks import from_color

    return from_color(image, color)


@node("SolidMask", category="mask")
def solid_mask(
    *,
    value: Annotated[float, _FRACTION] = 1.0,
    width: Annotated[int, _LENGTH] = 512,
    height: Annotated[int, _LENGTH] = 512,
) -> Mask:
    """Make a mask of one value."""
    import torch

    return torch.full((1, height, width), value)


@node("InvertMask", category="mask")
def invert_mask(*, mask: Mask) -> Mask:
    """Swap what a mask covers and what it does not."""
    return 1 - mask


@node("CropMask", category="mask")
def crop_mask(
    *,
    mask: Mask,
    x: Annotated[int, _OFFSET] = 0,
    y: Annotated[int, _OFFSET] = 0,
    width: Annotated[int, _LENGTH] = 512,
    height: Annotated[int, _LENGTH] = 512,
) -> Mask:
    """Cut a rectangle out of a mask."""
    from inhouse.packs.image.masks import crop

    return crop(mask, x, y, width, height)


@node("MaskComposite", category="mask")
def mask_composite(
    *,
    destination: Mask,
    source: Mask,
    x: Annotated[int, _OFFSET] = 0,
    y: Annotated[int, _OFFSET] = 0,
    operation: Annotated[str, Choices(("multiply", "add", "subtract", "and", "or", "xor"))],
) -> Mask:
    """Combine two masks."""
    from inhouse.packs.image.masks import composite

    return composite(destination, source, x, y, operation)


@node("FeatherMask", category="mask")
def feather_mask(
    *,
    mask: Mask,
    left: Annotated[int, _OFFSET] = 0,
    top: Annotated[int, _OFFSET] = 0,
    right: Annotated[int, _OFFSET] = 0,
    bottom: Annotated[int, _OFFSET] = 0,
) -> Mask:
    """Let a mask fade towards its borders."""
    from inhouse.packs.image.masks import feather

    return feather(mask, left=left, top=top, right=right, bottom=bottom)


@node("GrowMask", category="mask")
def grow_mask(
    *, mask: Mask, expand: Annotated[int, Range(-16384, 16384, step=1)] = 0, tapered_corners: bool = True
) -> Mask:
    """Grow a mask by some pixels, or shrink it by a negative number."""
    from inhouse.packs.image.masks import grow

    return grow(mask, expand, tapered=tapered_corners)


@node("ThresholdMask", category="mask")
def threshold_mask(*, mask: Mask, value: Annotated[float, _FRACTION] = 0.5) -> Mask:
    """Make a mask either full or empty at each pixel."""
    from inhouse.packs.image.masks import threshold

    return threshold(mask, value)


NODES = (
    mask_to_image,
    image_to_mask,
    image_color_to_mask,
    solid_mask,
    invert_mask,
    crop_mask,
    mask_composite,
    feather_mask,
    grow_mask,
    threshold_mask,
)
