"""Nodes that filter pictures."""

from typing import Annotated

from inhouse import Choices, Image, Range, Widget, node

_RADIUS = Range(1, 31, step=1)
_THRESHOLD = Range(0.01, 0.99, step=0.01)
_OPERATIONS = ("erode", "dilate", "open", "close", "gradient", "bottom_hat", "top_hat")


@node("ImageBlur", category="image/postprocessing")
def image_blur(
    *,
    image: Image,
    blur_radius: Annotated[int, _RADIUS] = 1,
    sigma: Annotated[float, Range(0.1, 10, step=0.1)] = 1.0,
) -> Image:
    """Blur a picture with a Gaussian; sigma counts in radii."""
    from inhouse.packs.image.filters import blur

    return blur(image, blur_radius, sigma)


@node("ImageSharpen", category="image/postprocessing")
def image_sharpen(
    *,
    image: Image,
    sharpen_radius: Annotated[int, _RADIUS] = 1,
    sigma: Annotated[float, Range(0.1, 10, step=0.01)] = 1.0,
    alpha: Annotated[float, Range(0, 5, step=0.01)] = 1.0,
) -> Image:
    """Sharpen a picture by unsharp masking."""
    from inhouse.packs.image.filters import sharpen

    return sharpen(image, sharpen_radius, sigma, alpha)


@node("Morphology", category="image/postprocessing", display_name="ImageMorphology")
def image_morphology(
    *,
    image: Image,
    operation: Annotated[str, Choices(_OPERATIONS)],
    kernel_size: Annotated[int, Range(3, 999, step=1)] = 3,
) -> Image:
    """Grow or shrink what is bright, or tell what that changes."""
    from inhouse.packs.image.filters import morphology

    return morphology(image, operation, kernel_size)


@node("Canny", category="image/preprocessors")
def canny_edges(
    *,
    image: Image,
    low_threshold: Annotated[float, _THRESHOLD] = 0.4,
    high_threshold: Annotated[float, _THRESHOLD] = 0.8,
) -> Image:
    """Draw the edges of a picture, white on black."""
    from inhouse.packs.image.edges import canny

    return canny(image, low_threshold, high_threshold)


@node("ImageAddNoise", category="image")
def image_add_noise(
    *,
    image: Image,
    seed: Annotated[int, Range(0, 2**64 - 1), Widget({"control_after_generate": True})] = 0,
    strength: Annotated[float, Range(0, 1, step=0.01)] = 0.5,
) -> Image:
    """Add Gaussian noise to a picture."""
    from inhouse.packs.image.filters import add_noise

    return add_noise(image, seed, strength)


NODES = (image_blur, image_sharpen, image_morphology, canny_edges, image_add_noise)
