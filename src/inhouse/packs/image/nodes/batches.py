"""Nodes that make and change batches of pictures."""

from typing import Annotated

from inhouse import Image, Range, Widget, node

_LENGTH = Range(1, 16384, step=1)


@node("EmptyImage", category="image")
def empty_image(
    *,
    width: Annotated[int, _LENGTH] = 512,
    height: Annotated[int, _LENGTH] = 512,
    batch_size: Annotated[int, Range(1, 4096)] = 1,
    color: Annotated[int, Range(0, 0xFFFFFF, step=1), Widget({"display": "color"})] = 0,
) -> Image:
    """Make pictures of one colour, 0xRRGGBB."""
    import torch

    levels = torch.tensor([color >> 16, color >> 8 & 255, color & 255]) / 255
    return levels.repeat(batch_size, height, width, 1)


@node("ImageBatch", category="image", display_name="Batch Images")
def image_batch(*, image1: Image, image2: Image) -> Image:
    """Join two batches; the second is scaled and cut to the size of the first."""
    from inhouse.packs.image.batches import join

    return join(image1, image2)


@node("ImageFromBatch", category="image/batch")
def image_from_batch(
    *, image: Image, batch_index: Annotated[int, Range(0, 4095)] = 0, length: Annotated[int, Range(1, 4096)] = 1
) -> Image:
    """Take some pictures out of a batch."""
    from inhouse.packs.image.batches import take

    return take(image, batch_index, length)


@node("RepeatImageBatch", category="image/batch")
def repeat_image_batch(*, image: Image, amount: Annotated[int, Range(1, 4096)] = 1) -> Image:
    """Repeat a batch."""
    from inhouse.packs.image.batches import repeat

    return repeat(image, amount)


@node("RebatchImages", category="image/batch", display_name="Rebatch Images", input_is_list=True)
def rebatch_images(*, images: list[Image], batch_size: Annotated[list[int], Range(1, 4096)] = 1) -> list[Image]:  # type: ignore[assignment] # the default is one element's
    """Split pictures anew into batches of a size."""
    from inhouse.packs.image.batches import regroup

    return regroup(images, batch_size[0])


NODES = (empty_image, image_batch, image_from_batch, repeat_image_batch, rebatch_images)
