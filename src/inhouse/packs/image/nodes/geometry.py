"""Nodes that cut, pad, turn and stitch pictures."""

from typing import Annotated, NamedTuple

from inhouse import Choices, Image, Mask, Range, node

_OFFSET = Range(0, 16384, step=1)
_LENGTH = Range(1, 16384, step=1)
_FRAME = Range(0, 16384, step=8)
_TURNS = ("none", "90 degrees", "180 degrees", "270 degrees")
_FLIPS = ("x-axis: vertically", "y-axis: horizontally")


class PaddedImage(NamedTuple):
    """A framed picture, and a mask of the frame."""

    IMAGE: Image
    MASK: Mask


class ImageSize(NamedTuple):
    """The size of a batch of pictures."""

    width: int
    height: int
    batch_size: int


@node("ImageCrop", category="image/transform", display_name="Image Crop")
def image_crop(
    *,
    image: Image,
    width: Annotated[int, _LENGTH] = 512,
    height: Annotated[int, _LENGTH] = 512,
    x: Annotated[int, _OFFSET] = 0,
    y: Annotated[int, _OFFSET] = 0,
) -> Image:
    """Cut a rectangle out of a picture."""
    from inhouse.packs.image.geometry import crop

    return crop(image, x, y, width, height)


@node("ImagePadForOutpaint", category="image", display_name="Pad Image for Outpainting")
def image_pad_for_outpaint(
    *,
    image: Image,
    left: Annotated[int, _FRAME] = 0,
    top: Annotated[int, _FRAME] = 0,
    right: Annotated[int, _FRAME] = 0,
    bottom: Annotated[int, _FRAME] = 0,
    feathering: Annotated[int, _OFFSET] = 40,
) -> PaddedImage:
    """Put a grey frame around a picture, with a mask for a model to fill it in."""
    from inhouse.packs.image.geometry import pad_for_outpaint

    return PaddedImage(*pad_for_outpaint(image, left=left, top=top, right=right, bottom=bottom, feathering=feathering))


@node("ImageFlip", category="image/transform")
def image_flip(*, image: Image, flip_method: Annotated[str, Choices(_FLIPS)]) -> Image:
    """Mirror a picture."""
    from inhouse.packs.image.geometry import flip

    return flip(image, vertically=flip_method == _FLIPS[0])


@node("ImageRotate", category="image/transform")
def image_rotate(*, image: Image, rotation: Annotated[str, Choices(_TURNS)]) -> Image:
    """Turn a picture clockwise."""
    from inhouse.packs.image.geometry import rotate

    return rotate(image, _TURNS.index(rotation))


@node("ImageStitch", category="image/transform", display_name="Image Stitch")
def image_stitch(
    *,
    image1: Image,
    direction: Annotated[str, Choices(("right", "down", "left", "up"))] = "right",
    match_image_size: bool = True,
    spacing_width: Annotated[int, Range(0, 1024, step=2)] = 0,
    spacing_color: Annotated[str, Choices(("white", "black", "red", "green", "blue"))] = "white",
    image2: Image | None = None,
) -> Image:
    """Put a second picture beside a first one."""
    from inhouse.packs.image.geometry import stitch

    if image2 is None:
        return image1
    return stitch(image1, image2, direction, match=match_image_size, gap=spacing_width, color=spacing_color)


@node("GetImageSize", category="image", display_name="Get Image Size")
def get_image_size(*, image: Image) -> ImageSize:
    """Tell the width, the height and the number of pictures."""
    return ImageSize(image.shape[2], image.shape[1], image.shape[0])


NODES = (image_crop, image_pad_for_outpaint, image_flip, image_rotate, image_stitch, get_image_size)
