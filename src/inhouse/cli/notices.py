"""Notices: warnings that reach the user, each once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Notices(logging.Handler):
    """Keeps every warning of every logger, and shows each text when it comes for the first time.

    Args:
        show: called with the text.

    """

    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Take a log record; a stack trace in it is left out."""
        try:
            self.add(record.getMessage())
        except (TypeError, ValueError):  # a text that its arguments do not fit, in a pack of somebody else's
            self.add(str(record.msg))

    def add(self, text: str) -> None:
        """Take a warning."""
        if text not in self.texts:
            self.texts.append(text)
            self._show(text)
