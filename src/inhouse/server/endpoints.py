"""Endpoints: which requests are for routes that custom packs have added."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ANY_METHOD = "*"
_PLACES = {"{}": "[^/]+", "{*}": ".*"}
_WEBSOCKET = "GET"
"""A WebSocket begins as this."""


class Endpoints:
    """Methods and paths as ``workers.base.Description`` has them.

    Args:
        listed: ``(method, path)``; ``*`` is any method, ``{}`` one segment of a path, ``{*}`` any text.

    """

    def __init__(self, listed: Iterable[tuple[str, str]] = ()) -> None:
        self._listed = [(method, _expression(path)) for method, path in listed]

    def find(self, method: str, *paths: str) -> str | None:
        """Return the first of some names of a path that a pack serves; None if it serves none.

        Args:
            method: of HTTP; ``websocket`` for one that is opened.
            paths: decoded, without the query.

        """
        method = _WEBSOCKET if method == "websocket" else method
        for path in paths:
            if any(served in (method, _ANY_METHOD) and pattern.fullmatch(path) for served, pattern in self._listed):
                return path
        return None


@lru_cache(maxsize=1024)
def _expression(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\*?\})", path)
    return re.compile("".join(_PLACES.get(part) or re.escape(part) for part in parts), re.DOTALL)
