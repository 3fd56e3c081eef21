"""Routes of custom packs: a worker serves them on a socket, where its gateway reaches them."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from inhouse.errors import FileError
from inhouse.workers.session import temporary_folder

if TYPE_CHECKING:
    from pathlib import Path

    from inhouse.compat.pack_server import PackServer
    from inhouse.workers.base import Description
    from inhouse.workers.session import Session

_LOG = logging.getLogger(__name__)
_LONGEST = 100
"""Bytes of a socket's path; Linux takes 107."""


class PackRoutes:
    """Serves the routes of a session's packs on the running loop, if they have any.

    Args:
        session: its packs are all loaded.
        name: of the worker; its socket is called so.
        folder: where the socket lies, unless its path would be longer than a socket's can be.

    """

    def __init__(self, session: Session, name: str, folder: Path) -> None:
        self._custom = session.custom
        self._path = _short_enough(folder / f"{name}.sock")
        self._server: PackServer | None = None

    async def open(self, description: Description) -> Description:
        """Serve, and return the description with what is served; where that is impossible, a log says why."""
        if self._custom is None:
            return description
        from inhouse.compat.pack_server import PackServer

        description = replace(description, changes_prompts=bool(self._custom.host.handlers))
        self._server = PackServer(self._custom.server)
        try:
            endpoints = await self._server.start(self._path)
        except FileError as error:
            _LOG.warning("Routes of custom packs are not served: %s", error)
            return description
        return replace(description, routes=self._path if endpoints else None, endpoints=endpoints)

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            await self._server.close()


def _short_enough(path: Path) -> Path:
    """Return the path, or where it is longer than a socket's can be, another one that no other user can reach."""
    if len(os.fsencode(path)) <= _LONGEST:
        return path
    return temporary_folder() / "sockets" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.sock"
