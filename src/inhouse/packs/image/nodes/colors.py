"""Nodes that change the colours of each pixel by itself."""

from typing import Annotated

from inhouse import Choices, Image, Range, node


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


NODES = (image_invert, image_blend)
