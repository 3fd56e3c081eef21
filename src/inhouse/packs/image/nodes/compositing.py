"""Nodes that lay pictures on pictures."""

from typing import Annotated, NamedTuple

from inhouse import Choices, Image, Mask, Range, node

_OFFSET = Range(0, 16384, step=1)
_PORTER_DUFF = (
    "ADD",
    "CLEAR",
    "DARKEN",
    "DST",
    "DST_ATOP",
    "DST_IN",
    "DST_OUT",
    "DST_OVER",
    "LIGHTEN",
    "MULTIPLY",
    "OVERLAY",
    "SCREEN",
    "SRC",
    "SRC_ATOP",
    "SRC_IN",
    "SRC_OUT",
    "SRC_OVER",
    "XOR",
)


class ImageAndMask(NamedTuple):
    """Colours, and where they are transparent."""

    IMAGE: Image
    MASK: Mask


@node("ImageCompositeMasked", category="image")
def image_composite_masked(
    *,
    destination: Image,
    source: Image,
    x: Annotated[int, _OFFSET] = 0,
    y: Annotated[int, _OFFSET] = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Image:
    """Lay a picture on another one, where a mask says so."""
    from inhouse.packs.image.compositing import composite

    return composite(destination, source, x, y, mask=mask, resize_source=resize_source)


@node("JoinImageWithAlpha", category="mask/compositing", display_name="Join Image with Alpha")
def join_image_with_alpha(*, image: Image, alpha: Mask) -> Image:
    """Make a picture transparent where a mask is bright."""
    from inhouse.packs.image.compositing import join_alpha

    return join_alpha(image, alpha)


@node("SplitImageWithAlpha", category="mask/compositing", display_name="Split Image with Alpha")
def split_image_with_alpha(*, image: Image) -> ImageAndMask:
    """Take a picture's transparency off as a mask."""
    from inhouse.packs.image.compositing import split_alpha

    return ImageAndMask(*split_alpha(image))


@node("PorterDuffImageComposite", category="mask/compositing", display_name="Porter-Duff Image Composite")
def porter_duff_image_composite(
    *,
    source: Image,
    source_alpha: Mask,
    destination: Image,
    destination_alpha: Mask,
    mode: Annotated[str, Choices(_PORTER_DUFF)] = "DST",
) -> ImageAndMask:
    """Combine two pictures with transparency."""
    from inhouse.packs.image.compositing import porter_duff

    return ImageAndMask(*porter_duff(source, source_alpha, destination, destination_alpha, mode))


NODES = (image_composite_masked, join_image_with_alpha, split_image_with_alpha, porter_duff_image_composite)
