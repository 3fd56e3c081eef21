"""``PromptServer``: the server as custom packs see it, from the process that runs their nodes."""

from __future__ import annotations

import io
import json
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from inhouse.compat.calls_in_progress import current_call
from inhouse.compat.json_ready import json_ready
from inhouse.compat.unavailable import unavailable
from inhouse.compat.worker_queue import WorkerQueue

if TYPE_CHECKING:
    import asyncio

    from aiohttp import web

_LOG = logging.getLogger(__name__)
_JPEG, _PNG = 1, 2


class BinaryEventTypes(IntEnum):
    """Numbers of binary messages to canvases."""

    PREVIEW_IMAGE = 1
    UNENCODED_PREVIEW_IMAGE = 2
    TEXT = 3
    PREVIEW_IMAGE_WITH_METADATA = 4


Say = Callable[[str | int, Any, "str | None"], None]
"""Takes a message's type, its data (JSON-ready, or bytes after the type of a binary one) and the canvas it is for."""


def unheard(event: str | int, data: Any, client_id: str | None) -> None:
    """Drop a message: there is no canvas."""


@dataclass(slots=True)
class PackHost:
    """What stands behind the server that packs see; whoever runs their nodes holds it.

    Attributes:
        say: takes messages for canvases, from any thread.
        loop: what coroutines of packs run on.
        client_id: the canvas that asked for the run whose nodes are executed now.
        run_id: that run; None when nothing runs.
        address: where canvases reach the gateway, if that is known.
        upload_bytes: the largest body that a pack's route takes.

    """

    say: Say = unheard
    loop: asyncio.AbstractEventLoop | None = None
    client_id: str | None = None
    run_id: str | None = None
    address: tuple[str, int] | None = None
    upload_bytes: int = 100 * 2**20
    handlers: list[Callable[[Any], Any]] = field(default_factory=list)
    _clients: dict[str, str | None] = field(default_factory=dict)

    def enter(self, run_id: str, client_id: str | None) -> None:
        """Know of a run that is about to begin."""
        self._clients[run_id] = client_id

    def show(self, run_id: str) -> None:
        """Let packs see a run that is known: from now on its nodes are executed."""
        if run_id in self._clients:
            self.run_id, self.client_id = run_id, self._clients[run_id]

    def leave(self, run_id: str) -> None:
        """Forget a run that is over."""
        self._clients.pop(run_id, None)
        if self.run_id == run_id:
            self.run_id = self.client_id = None

    @property
    def speaking(self) -> str | None:
        """The run that this code belongs to: that of the call it runs in, else the one whose nodes are executed now."""
        call = current_call()
        return self.run_id if call is None else call.context.run_id

    def on_prompt(self, body: Any) -> Any:
        """Return the body of a request to run a workflow as the packs' handlers change it.

        A handler that fails is told about in the log.
        """
        for handler in tuple(self.handlers):
            try:
                changed = handler(body)
            except Exception:  # noqa: BLE001 - a pack's own code
                _LOG.exception("A custom pack's handler of prompts failed: %s.", _named(handler))
                continue
            body = body if changed is None else changed
        return body


class PromptServer:
    """The server.

    Args:
        host: what stands behind it.

    """

    instance: PromptServer

    def __init__(self, host: PackHost) -> None:
        self._host = host
        self.number = 0
        self.supports = ["custom_nodes_from_web"]
        self.sockets: dict[str, Any] = {}
        self.sockets_metadata: dict[str, Any] = {}
        self.messages = None
        self.prompt_queue = WorkerQueue(host)
        self.user_manager = UserNames()

    # -- routes -----------------------------------------------------------------------------------------------------

    @cached_property
    def routes(self) -> web.RouteTableDef:
        """The routes that packs add by decorators; they are served once all packs are loaded."""
        from aiohttp import web

        return web.RouteTableDef()

    @cached_property
    def app(self) -> web.Application:
        """The application that packs add routes, static folders and middlewares to."""
        from aiohttp import web

        return web.Application(client_max_size=self._host.upload_bytes)

    @property
    def asked_for_routes(self) -> bool:
        """Whether any pack looked at the routes or the application."""
        return bool({"routes", "app"} & vars(self).keys())

    # -- what goes on -----------------------------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that routes of packs run on."""
        if self._host.loop is None:
            raise AttributeError("PromptServer.instance.loop: no server runs in this process")
        return self._host.loop

    @property
    def client_id(self) -> str | None:
        """The canvas that asked for the run that goes on."""
        return self._host.client_id

    @client_id.setter
    def client_id(self, client_id: str | None) -> None:
        """Name another canvas."""
        self._host.client_id = client_id

    @property
    def last_node_id(self) -> str | None:
        """The node that this code runs in."""
        call = current_call()
        return call.context.node_id if call else None

    @property
    def last_prompt_id(self) -> str | None:
        """The run that this code runs in."""
        return self._host.run_id

    @property
    def address(self) -> str:
        """The address of the gateway."""
        return self._address()[0]

    @property
    def port(self) -> int:
        """The port of the gateway."""
        return self._address()[1]

    def _address(self) -> tuple[str, int]:
        if self._host.address is None:
            raise AttributeError("PromptServer.instance.address: it is not known how canvases reach the gateway")
        return self._host.address

    def add_on_prompt_handler(self, handler: Callable[[Any], Any]) -> None:
        """Have requests to run a workflow go through a function before they are checked."""
        self._host.handlers.append(handler)

    def trigger_on_prompt(self, json_data: Any) -> Any:
        """Return a request to run a workflow as the handlers change it."""
        return self._host.on_prompt(json_data)

    # -- messages ---------------------------------------------------------------------------------------------------

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Send a message to a canvas, or to all; from any thread.

        Args:
            event: the type; one of ``BinaryEventTypes`` for a binary message.
            data: what to say; bytes, or ``(format, PIL picture, largest side)`` for a preview.
            sid: the canvas; None means all.

        """
        if isinstance(event, int):
            event, data = _binary(int(event), data)
        else:
            data = json_ready(data)
        self._host.say(event, data, sid)

    async def send(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Send a message; as ``send_sync``."""
        self.send_sync(event, data, sid)

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        """Send a message that is no binary one; as ``send_sync``."""
        self.send_sync(event, data, sid)

    async def send_bytes(self, event: int, data: bytes, sid: str | None = None) -> None:
        """Send a binary message; as ``send_sync``."""
        self.send_sync(int(event), data, sid)

    def send_progress_text(self, text: str | bytes, node_id: str, sid: str | None = None) -> None:
        """Show a text below a node."""
        shown = text.encode(errors="replace") if isinstance(text, str) else bytes(text)
        self._host.say(int(BinaryEventTypes.TEXT), _with_length(str(node_id).encode(errors="replace")) + shown, sid)

    def queue_updated(self) -> None:
        """Do nothing: the gateway tells canvases when its queue changes."""


class UserNames:
    """Who sends a request to a pack's route (``PromptServer.instance.user_manager``)."""

    def get_request_user_id(self, request: Any) -> str:
        """Return the user's name, as the gateway has found it out."""
        return str(request.headers.get("comfy-user", "default"))

    def get_request_user_filepath(self, *_given: Any, **_named: Any) -> str:
        """Refuse: files of users lie with the gateway."""
        raise unavailable(
            "user_manager.get_request_user_filepath", "files of users lie with the gateway; use /userdata"
        )


def server_class(host: PackHost) -> type[PromptServer]:
    """Return the class as the module ``server`` offers it: its ``instance`` is the one server."""
    made: type[PromptServer] = type(
        "PromptServer", (PromptServer,), {"__doc__": PromptServer.__doc__, "__module__": "server"}
    )
    made.instance = made(host)
    return made


def _binary(event: int, data: Any) -> tuple[int, bytes]:
    """Return the type of a binary message and what comes after it."""
    if event == BinaryEventTypes.UNENCODED_PREVIEW_IMAGE:
        return int(BinaryEventTypes.PREVIEW_IMAGE), b"".join(_encoded(data))
    if event == BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA and isinstance(data, tuple):
        preview, metadata = data
        form, picture = _encoded(preview)
        kind = "image/png" if form == struct.pack(">I", _PNG) else "image/jpeg"
        return event, _with_length(json.dumps({**json_ready(metadata), "image_type": kind}).encode()) + picture
    return event, bytes(data)


def _encoded(preview: Any) -> tuple[bytes, bytes]:
    """Return a preview's format as 4 bytes, and its bytes."""
    name, picture, *size = preview
    if size and size[0]:
        picture = picture.copy()
        picture.thumbnail((size[0], size[0]))
    buffer = io.BytesIO()
    if str(name).upper() == "PNG":
        picture.save(buffer, format="PNG", compress_level=1)
        return struct.pack(">I", _PNG), buffer.getvalue()
    picture.convert("RGB").save(buffer, format="JPEG", quality=95)
    return struct.pack(">I", _JPEG), buffer.getvalue()


def _with_length(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _named(handler: Callable[[Any], Any]) -> str:
    return f"{getattr(handler, '__module__', '')}.{getattr(handler, '__qualname__', handler)}"
