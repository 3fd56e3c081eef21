"""The server of routes that custom packs add: aiohttp's, on a socket that only the gateway reaches."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from inhouse.compat.prompt_server import PromptServer

_LOG = logging.getLogger(__name__)
_LONGEST = 107
"""A Unix socket's path has no more bytes (``sun_path`` of Linux, with the zero at its end)."""
_ONE_SEGMENT = "[^{}/]+"
ANY_METHOD = "*"
ONE_SEGMENT, ANYTHING = "{}", "{*}"
"""What stands in an endpoint's path for a part without, or with, slashes."""


class PackServer:
    """Serves the routes of custom packs.

    Args:
        server: what the packs added them to, once all are loaded.

    """

    def __init__(self, server: PromptServer) -> None:
        self._server = server
        self._runner: web.AppRunner | None = None
        self._path: Path | None = None
        self.problems: list[str] = []

    async def start(self, path: Path) -> list[tuple[str, str]]:
        """Serve on a socket, on the running loop.

        Args:
            path: of the socket; its folder is made if it is missing, and closed to other users of the machine.

        Returns:
            The endpoints, ``(method, path)``; ``*`` is any method, ``{}`` one segment of a path, ``{*}`` any.
            Without any, nothing is served.

        Raises:
            FileError: the socket cannot be there.

        """
        if not self._server.asked_for_routes:
            return []
        self._add_routes()
        found = list(endpoints(self._server.app))
        if found:
            await self._serve(path)
        return found

    async def close(self) -> None:
        """Stop serving; requests under way are cut off."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._path is not None:
            _remove(self._path)
        self._runner = self._path = None

    def _add_routes(self) -> None:
        """Add the routes one by one, so that one that cannot be added harms no other."""
        for route in self._server.routes:
            try:
                route.register(self._server.app.router)
            except (RuntimeError, ValueError) as error:
                problem = f"{route} of a custom pack is not served: {error}"
                self.problems.append(problem)
                _LOG.warning("%s", problem)

    async def _serve(self, path: Path) -> None:
        from aiohttp import web

        if len(os.fsencode(path)) > _LONGEST:
            raise FileError(
                f"{path} is too long for the path of a socket.", hint=f"Use a state folder with under {_LONGEST} bytes."
            )
        self._runner = web.AppRunner(self._server.app, access_log=None, shutdown_timeout=0)
        try:
            _make_way(path)
            await self._runner.setup()
            await web.UnixSite(self._runner, str(path)).start()
        except OSError as error:
            await self.close()
            raise FileError(f"Cannot serve on {path}: {error.strerror or error}.") from error
        self._path = path


def _make_way(path: Path) -> None:
    """Make the folder of a socket, closed to others, and take away what a dead process left there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def endpoints(app: web.Application) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route of an application."""
    for resource in app.router.resources():
        info = resource.get_info()
        prefix = info.get("prefix")
        if prefix is not None:
            for method in (ANY_METHOD,) if "app" in info else ("GET", "HEAD"):
                yield method, f"{prefix.rstrip('/')}/{ANYTHING}"
            continue
        path = info.get("path") or _dynamic(info)
        yield from {(route.method, path): None for route in resource}


def _dynamic(info: Any) -> str:
    """Return the path of a resource with its variables as ``{}``, or as ``{*}`` where an expression says what fits."""
    pattern: str = info["pattern"].pattern

    def shown(match: re.Match[str]) -> str:
        return ONE_SEGMENT if f"(?P<{match[1]}>{_ONE_SEGMENT})" in pattern else ANYTHING

    return re.sub(r"\{([_a-zA-Z][_a-zA-Z0-9]*)\}", shown, info["formatter"])
