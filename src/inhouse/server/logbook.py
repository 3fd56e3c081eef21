"""The logbook: the newest lines of the log, for those who may read them in a canvas."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

_LINES = 300
_LETTERS = 4000
"""Of a line; a longer one is cut."""


class Logbook(logging.Handler):
    """A handler that keeps the newest lines, and passes new ones on to whoever wants them.

    Args:
        tell: called with a client's id and the data of a ``logs`` message, in whichever thread logs.

    """

    def __init__(self, tell: Callable[[str, Mapping[str, Any]], object] = lambda _client, _data: None) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self._entries: deque[dict[str, str]] = deque(maxlen=_LINES)
        self._readers: set[str] = set()
        self._mutex = threading.Lock()
        self._telling = threading.local()

    def entries(self) -> list[dict[str, str]]:
        """Return the newest lines, ``t`` their time, ``m`` the message, the oldest first."""
        with self._mutex:
            return list(self._entries)

    def subscribe(self, client_id: str, *, enabled: bool) -> None:
        """Pass new lines on to a client, or do so no longer."""
        with self._mutex:
            (self._readers.add if enabled else self._readers.discard)(client_id)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line. What is logged on the way of passing lines on is kept, and not passed on."""
        try:
            message = record.getMessage()[:_LETTERS]
        except Exception:  # noqa: BLE001 - whatever a caller of the log gave it
            self.handleError(record)
            return
        time = datetime.fromtimestamp(record.created).astimezone().replace(tzinfo=None)
        entry = {"t": time.isoformat(), "m": message + "\n"}
        with self._mutex:
            self._entries.append(entry)
            readers = tuple(self._readers)
        if not readers or getattr(self._telling, "busy", False):
            return
        self._telling.busy = True
        try:
            for client_id in readers:
                self._tell(client_id, {"entries": [entry], "size": None})
        finally:
            self._telling.busy = False
