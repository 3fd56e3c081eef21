"""Nodes that read pictures."""

from typing import Annotated, Any, NamedTuple

from inhouse import Choices, Context, Image, Mask, Widget, Wire, node
from inhouse.files import Folders, digest

_UPLOAD = Widget({"image_upload": True})


class LoadedImage(NamedTuple):
    """A picture and where it is transparent."""

    IMAGE: Image
    MASK: Mask


def _content(image: str, context: Context) -> str:
    """A file is known by its content, so that a new one of the same name is seen."""
    return digest(context.service(Folders).path(image))


def _content_of_output(image: str, context: Context) -> str:
    return digest(context.service(Folders).path(image, "output"))


@node("LoadImage", category="image", display_name="Load Image", fingerprint=_content)
def load_image(*, image: Annotated[str, Choices("input/images"), _UPLOAD], context: Context) -> LoadedImage:
    """Load a picture from the input folder; an animation becomes a batch."""
    from inhouse.packs.image.decoding import decode

    picture = decode(context.service(Folders).path(image))
    return LoadedImage(picture.image, picture.mask)


@node("LoadImageMask", category="mask", display_name="Load Image (as Mask)", fingerprint=_content)
def load_image_mask(
    *,
    image: Annotated[str, Choices("input/images"), _UPLOAD],
    channel: Annotated[str, Choices(("alpha", "red", "green", "blue"))],
    context: Context,
) -> Mask:
    """Load one channel of a picture as a mask; alpha comes inverted."""
    from inhouse.packs.image.decoding import decode_channel

    return decode_channel(context.service(Folders).path(image), channel)


@node(
    "LoadImageOutput",
    category="image",
    display_name="Load Image (from Outputs)",
    fingerprint=_content_of_output,
    flags={"experimental": True},
)
def load_image_output(
    *,
    image: Annotated[
        Any,
        Wire("COMBO"),
        Widget(
            {
                "image_upload": True,
                "image_folder": "output",
                "remote": {
                    "route": "/internal/files/output",
                    "refresh_button": True,
                    "control_after_refresh": "first",
                },
            }
        ),
    ],
    context: Context,
) -> LoadedImage:
    """Load a picture from the output folder."""
    from inhouse.packs.image.decoding import decode

    picture = decode(context.service(Folders).path(image, "output"))
    return LoadedImage(picture.image, picture.mask)


NODES = (load_image, load_image_mask, load_image_output)
