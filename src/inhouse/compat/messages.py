"""Messages to canvases: JSON texts, and previews in two encodings."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from inhouse.compat.plain_json import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.engine.events import Picture

_PREVIEW = 1
_PREVIEW_WITH_METADATA = 4
_JPEG, _PNG = 1, 2
_FORMATS = {"image/jpeg": _JPEG, "image/png": _PNG}


class Message(ABC):
    """Something to tell a client.

    Attributes:
        to_all_without_client: whether all hear it if the run is no client's; else nobody does.
        droppable: whether a client that is slow may miss it: something newer will follow.

    """

    to_all_without_client = False
    droppable = False

    @abstractmethod
    def frame(self, *, with_metadata: bool) -> str | bytes | None:
        """Return what goes over the socket: text, or bytes for a binary message; None if it is not for this client.

        Args:
            with_metadata: whether the client understands previews that tell of which node they are.

        """


class TextMessage(Message):
    """A JSON message.

    Args:
        kind: its type.
        data: its data.
        to_all_without_client: see ``Message``.
        droppable: see ``Message``.

    """

    def __init__(
        self, kind: str, data: Mapping[str, Any], *, to_all_without_client: bool = False, droppable: bool = False
    ) -> None:
        self.kind = kind
        self.data = data
        self.to_all_without_client = to_all_without_client
        self.droppable = droppable
        self._text: str | None = None

    def frame(self, *, with_metadata: bool = False) -> str:  # noqa: ARG002 - all clients understand text
        """Return the message as JSON; made once, however many hear it."""
        if self._text is None:
            self._text = to_json({"type": self.kind, "data": self.data})
        return self._text


class PreviewMessage(Message):
    """A picture of what a node has so far, for clients that understand metadata.

    Args:
        picture: the picture, encoded.
        about: the node it is of.

    """

    to_all_without_client = True
    droppable = True

    def __init__(self, picture: Picture, about: Mapping[str, Any]) -> None:
        self._picture = picture
        self._about = about
        self._frame: bytes | None = None

    def frame(self, *, with_metadata: bool) -> bytes | None:
        """Return a binary message of type 4; None for clients that would not know it."""
        if not with_metadata:
            return None
        if self._frame is None:
            about = json.dumps({**self._about, "image_type": self._picture.media_type}).encode()
            self._frame = _numbers(_PREVIEW_WITH_METADATA, len(about)) + about + self._picture.data
        return self._frame


class PlainPreviewMessage(Message):
    """A picture of what the node that runs has so far, for all other clients.

    Args:
        picture: the picture, encoded.

    """

    to_all_without_client = True
    droppable = True

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def frame(self, *, with_metadata: bool) -> bytes | None:
        """Return a binary message of type 1; None for clients that got the one with metadata."""
        if with_metadata:
            return None
        return _numbers(_PREVIEW, _FORMATS.get(self._picture.media_type, _PNG)) + self._picture.data


def _numbers(*numbers: int) -> bytes:
    """Return numbers as binary messages begin with them: four bytes each, the largest first."""
    return b"".join(number.to_bytes(4, "big") for number in numbers)
