"""Nodes that change the colours of each pixel by itself."""

from typing import Annotated, NamedTuple

from inhouse import Choices, Image, Range, node

_DITHERS = ("none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16")


class Planes(NamedTuple):
    """Brightness, and two differences of colour."""

    Y: Image
    U: Image
    V: Image


@node("ImageInvert", category="image", display_name="Invert Image")
def image_invert(*, image: Image) -> Image:
    """Turn a picture into its negative."""
    return 1 - image


@node("ImageBlend", category="image/postprocessing")
def image_blend(
    *,
    image1: Image,
    image2: Image,
    blend_factor: Annotated[float, Range(0, 1, step=0.01)] = 0.5,
    blend_mode: Annotated[str, Choices(("normal", "multiply", "screen", "overlay", "soft_light", "difference"))],
) -> Image:
    """Mix a picture with another one."""
    from inhouse.packs.image.blending import blend

    return blend(image1, image2, blend_factor, blend_mode)


@node("ImageQuantize", category="image/postprocessing")
def image_quantize(
    *,
    image: Image,
    colors: Annotated[int, Range(1, 256, step=1)] = 256,
    dither: Annotated[str, Choices(_DITHERS)],
) -> Image:
    """Reduce a picture to a few colours."""
    from inhouse.packs.image.colors import quantize

    return quantize(image, colors, dither)


@node("ImageRGBToYUV", category="image/batch")
def image_rgb_to_yuv(*, image: Image) -> Planes:
    """Take a picture apart into brightness and colour."""
    from inhouse.packs.image.colors import to_yuv

    return Planes(*to_yuv(image))


@node("ImageYUVToRGB", category="image/batch")
def image_yuv_to_rgb(*, Y: Image, U: Image, V: Image) -> Image:  # noqa: N803 - the names of the sockets
    """Put brightness and colour together."""
    from inhouse.packs.image.colors import from_yuv

    return from_yuv(Y, U, V)


NODES = (image_invert, image_blend, image_quantize, image_rgb_to_yuv, image_yuv_to_rgb)
