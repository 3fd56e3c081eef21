"""Routes of custom packs: a worker serves them on a socket, where its gateway reaches them."""

from __future__ import annotations

import logging
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


class PackRoutes:
    """Serves the routes of a session's packs on the running loop, if they have any.

    Args:
        session: its packs are all loaded.
        name: of the worker; its socket is called so.
        folder: where the socket lies, unless its path would be longer than a socket's can be.

    """

    def __init__(self, session: Session, name: str, folder: Path) -> None:
        self._custom = session.custom
        self._paths = (folder / f"{name}.sock", temporary_folder() / "sockets" / f"{name}.sock")
        self._server: PackServer | None = None

    async def open(self, description: Description) -> Description:
        """Serve, and return the description with what is served; where that is impossible, a log says why."""
        if self._custom is None:
            return description
        changes_prompts = bool(self._custom.host.handlers)
        for path in self._paths:
            from inhouse.compat.pack_server import PackServer

            server = PackServer(self._custom.server)
            try:
                endpoints = await server.start(path)
            except FileError as error:
                _LOG.warning("Routes of custom packs: %s", error)
                continue
            self._server = server
            served = path if endpoints else None
            return replace(description, routes=served, endpoints=endpoints, changes_prompts=changes_prompts)
        return replace(description, changes_prompts=changes_prompts)

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            await self._server.close()
