"""Cache headers, by the end of an address, as ComfyUI's canvas relies on them."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PICTURES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".svg", ".gif")
_ENDS = re.compile(r"\.[A-Za-z]{2,4}\Z")
"""Nothing else has a policy; most requests are answered without a look at it."""
_PRIVATE = ("/userdata/",)
"""Somebody's own: nothing on the way may keep it for others."""


class CacheHeaders:
    """ASGI middleware: scripts and styles are asked for anew each time, pictures are kept for a day."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and add to the answer."""
        if scope["type"] != "http" or not _ENDS.search(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = _policy(scope["path"].lower(), message["status"])
                if policy:
                    MutableHeaders(scope=message).setdefault("cache-control", policy)
            await send(message)

        await self._app(scope, receive, adding)


def _policy(path: str, status: int) -> str:
    name = path.rpartition("/")[2]
    if name.endswith((".js", ".css")) or (name.startswith("index") and name.endswith(".json")):
        return "no-cache"
    if name.endswith(_PICTURES) and not path.removeprefix("/api").startswith(_PRIVATE):
        return {200: "public, max-age=86400", 404: "public, max-age=3600"}.get(status, "")
    return ""
