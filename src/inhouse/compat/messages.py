"""Messages to canvases: JSON texts, previews in two encodings, and the state of every node."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from inhouse.engine.events import Picture

_PREVIEW = 1
_PREVIEW_WITH_METADATA = 4
_JPEG, _PNG = 1, 2
_FORMATS = {"image/jpeg": _JPEG, "image/png": _PNG}
_DEEP = 100
FULL_STATE = 64
"""Of so many nodes a state tells whenever one of them changes; of more, what runs and what has just changed."""


class Place(Protocol):
    """Who a node is: itself, whom users see, who expanded into it, and which node of the workflow that goes back to."""

    node_id: str
    display_id: str
    parent_id: str | None
    real_id: str


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


class StateMessage(Message):
    """``progress_state``: the state of nodes, each as JSON already."""

    to_all_without_client = True

    def __init__(self, head: str, nodes: tuple[str, ...], *, droppable: bool) -> None:
        self._head = head
        self._nodes = nodes
        self.droppable = droppable
        self._text: str | None = None

    def frame(self, *, with_metadata: bool = False) -> str:  # noqa: ARG002 - as above
        """Return the message as JSON."""
        if self._text is None:
            self._text = f"{self._head}{','.join(self._nodes)}}}}}}}"
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


class ProgressState:
    """The state of every node that a run has touched.

    Args:
        run_id: the run.

    """

    def __init__(self, run_id: str) -> None:
        self._run = to_json(run_id)
        self._head = f'{{"type":"progress_state","data":{{"prompt_id":{self._run},"nodes":{{'
        self._nodes: dict[str, str] = {}
        self._fixed: dict[str, tuple[str, str]] = {}
        self._totals: dict[str, float] = {}
        self._running: dict[str, str] = {}

    def update(
        self, place: Place, value: float, total: float, state: str = "running", *, droppable: bool = False
    ) -> Message:
        """Note how far a node is, and return what to tell.

        Args:
            place: the node.
            value: steps done.
            total: steps there are.
            state: ``running`` or ``finished``.
            droppable: whether a slow client may miss it.

        """
        node_id = place.node_id
        self._totals[node_id] = total
        before, after = self._fixed.get(node_id) or self._fix(place)
        text = self._nodes[node_id] = f'{before}{value},"max":{total},"state":"{state}"{after}'
        if state == "running":
            self._running[node_id] = text
        else:
            self._running.pop(node_id, None)
        if len(self._nodes) <= FULL_STATE:
            told = tuple(self._nodes.values())
        else:
            told = tuple({**self._running, node_id: text}.values())
        return StateMessage(self._head, told, droppable=droppable)

    @property
    def finished(self) -> set[str]:
        """The nodes that are done."""
        return self._nodes.keys() - self._running.keys()

    @property
    def running(self) -> list[dict[str, Any]]:
        """How far each node is that runs, as clients are told."""
        return [state for text in self._running.values() for state in json.loads(f"{{{text}}}").values()]

    def finish(self, place: Place, *, cached: bool = False) -> Message:
        """Note that a node is done, and return what to tell."""
        total = 1 if cached else self._totals.get(place.node_id, 1.0)
        return self.update(place, total, total, "finished")

    def _fix(self, place: Place) -> tuple[str, str]:
        """Make the parts of a node's state that do not change."""
        node_id = to_json(place.node_id)
        before = f'{node_id}:{{"value":'
        after = (
            f',"node_id":{node_id},"prompt_id":{self._run},"display_node_id":{to_json(place.display_id)},'
            f'"parent_node_id":{to_json(place.parent_id)},"real_node_id":{to_json(place.real_id)}}}'
        )
        self._fixed[place.node_id] = (before, after)
        return before, after


def to_json(data: Any) -> str:
    """Return data as JSON: what JSON does not know goes as text, NaN and Infinity as null."""
    import orjson

    try:
        return orjson.dumps(data).decode()
    except TypeError:
        return orjson.dumps(_plain(data)).decode()


def number(value: Any) -> float:
    """Return a number as JSON has it; what is none, or not finite, is 0."""
    if value.__class__ is int:
        return int(value)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # a tensor of many elements raises the last
        return 0.0
    return found if math.isfinite(found) else 0.0


def json_ready(data: Any) -> Any:
    """Return data as JSON has it; what is JSON already stays the same object."""
    import orjson

    try:
        orjson.dumps(data)
    except TypeError:  # an array, an integer of more than 64 bits, half a surrogate pair, a key that is no text, ...
        return _plain(data)
    return data


def _plain(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    if depth < _DEEP and isinstance(value, Mapping):
        return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < _DEEP and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value).encode(errors="replace").decode()
    except Exception as error:  # noqa: BLE001 - a custom node's class may say anything, or nothing, of itself
        return f"{type(value).__name__} ({type(error).__name__} when shown)"


def _numbers(*numbers: int) -> bytes:
    """Return numbers as binary messages begin with them: four bytes each, the largest first."""
    return b"".join(number.to_bytes(4, "big") for number in numbers)
