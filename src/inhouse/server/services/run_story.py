"""Run stories: what a run tells of itself, heard as a canvas would hear it."""

from __future__ import annotations

import asyncio
import base64
import struct
import uuid
from collections.abc import AsyncGenerator, Mapping
from math import isinf
from typing import Any, Final

import orjson

_ENDS: Final = frozenset({"execution_success", "execution_error", "execution_interrupted"})
_PREVIEW: Final = 4
_FULL: Final = 64
"""A listener that is so many messages behind misses what is followed by something newer."""


class RunStory:
    """Listens to one run, in the hub's eyes a client of its user.

    Args:
        user: whose run it is.

    Attributes:
        run_id: the id that the run is to have.
        sid: what the client calls itself.
        accepted: whether there is such a run.
        ended: how it ended, as its last message is called; empty until it has.
        failure: what that message says.

    """

    previews_with_metadata = True

    def __init__(self, user: str) -> None:
        self.user = user
        self.run_id = str(uuid.uuid4())
        self.sid = f"service-{self.run_id}"
        self.accepted = False
        self.ended = ""
        self.failure: Mapping[str, Any] = {}
        self._heard: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._begun = False

    def send(self, frame: str | bytes, *, droppable: bool = False) -> None:
        """Hear a message."""
        if droppable and self._heard.qsize() > _FULL:
            return
        if isinstance(frame, bytes):
            if (preview := _preview(frame)) is not None:
                self._heard.put_nowait({"preview": preview})
            return
        message = orjson.loads(frame)
        data = message.get("data") or {}
        if data.get("prompt_id") != self.run_id:
            return
        self._hear(str(message.get("type")), data)

    def _hear(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind in _ENDS:
            self.ended, self.failure = kind, data
            self._heard.put_nowait(None)
        elif kind == "execution_start":
            self._heard.put_nowait({"progress": {"state": "started"}})
        elif kind == "executing" and data.get("node") is not None:
            self._heard.put_nowait({"progress": {"node": data["node"]}})
        elif kind == "progress":
            told = {name: data.get(name) for name in ("node", "value", "max")}
            self._heard.put_nowait({"progress": told})

    async def pieces(self, deadline: float) -> AsyncGenerator[Mapping[str, Any], None]:
        """Give what happens until the run has ended.

        Args:
            deadline: until when it must have begun, on the event loop's clock.

        Raises:
            TimeoutError: it had not.

        """
        while True:
            async with asyncio.timeout_at(None if self._begun or isinf(deadline) else deadline):
                piece = await self._heard.get()
            self._begun = True
            if piece is None:
                return
            yield piece


def _preview(frame: bytes) -> dict[str, Any] | None:
    """Return a preview of type 4: a picture with the node that it is of; None for anything else."""
    if len(frame) < 8:
        return None
    kind, size = struct.unpack_from(">II", frame)
    if kind != _PREVIEW or len(frame) < 8 + size:
        return None
    about = orjson.loads(frame[8 : 8 + size])
    picture = base64.b64encode(frame[8 + size :]).decode()
    return {"node": about.get("node_id"), "media_type": about.get("image_type"), "data": picture}
