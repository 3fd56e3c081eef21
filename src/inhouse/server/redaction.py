"""Keeps out of logs what nobody should read, and what nobody wants to."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(?i)([?&;]token=)[^&;#\s\"']+")


class HideTokens(logging.Filter):
    """Takes the values of ``token=`` out of every line; put it on the loggers of the HTTP server."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without tokens in its message or its arguments."""
        record.msg = _hidden(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(_hidden(argument) for argument in record.args)
        elif record.args:
            record.args = {name: _hidden(argument) for name, argument in record.args.items()}
        return True


class HideDenials(logging.Filter):
    """Leaves out uvicorn's complaint of each WebSocket that was refused with an HTTP status, as ASGI provides for.

    A canvas whose token has expired asks again every second; its refusals are in the log by themselves.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything else pass."""
        return record.msg != "ASGI callable returned without completing handshake."


def _hidden(value: object) -> object:
    return _TOKEN.sub(r"\1...", value) if isinstance(value, str) else value
