"""``/ws``: what happens, as it happens."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from inhouse.server.hub import Socket
from inhouse.server.identity import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.server.hub import Hub
    from inhouse.server.messenger import Messenger
    from inhouse.server.runs import Runs


def routes(hub: Hub, messenger: Messenger, runs: Runs, features: Mapping[str, Any]) -> APIRouter:
    """Return the route.

    Args:
        hub: where the socket enters.
        messenger: welcomes it.
        runs: knows what runs for it.
        features: what this server can do, told to a client that says what it can.

    """
    router = APIRouter()

    @router.websocket("/ws")
    async def connect(websocket: WebSocket, caller: Caller) -> None:
        await websocket.accept()
        # Whoever names itself is found again by that name, also after a reconnection.
        sid = websocket.query_params.get("clientId") or uuid.uuid4().hex
        socket = Socket(websocket, caller.user, sid)
        hub.enter(socket)
        messenger.welcome(socket, runs.running_node(caller.user, sid))
        pump = asyncio.ensure_future(socket.pump())
        try:
            await _listen(socket, features)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            hub.leave(socket)
            pump.cancel()

    return router


async def _listen(socket: Socket, features: Mapping[str, Any]) -> None:
    """Read what the client can do from its first message; whatever else it sends is let be."""
    first = True
    while True:
        event = await socket.websocket.receive()
        if event["type"] == "websocket.disconnect":
            return
        message = _parsed(event.get("text"))
        if message is None or not first:
            continue
        first = False
        if isinstance(message, dict) and message.get("type") == "feature_flags":
            flags = message.get("data")
            socket.previews_with_metadata = isinstance(flags, dict) and bool(flags.get("supports_preview_metadata"))
            socket.send(orjson.dumps({"type": "feature_flags", "data": dict(features)}).decode())


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
