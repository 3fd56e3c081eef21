"""Keeps out of logs what nobody should read, and what nobody wants to."""

from __future__ import annotations

import logging
import re

_DENIALS = frozenset(
    {"ASGI callable returned without completing handshake.", "Invalid UTF-8 sequence received from client."}
)
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
    """Leaves out uvicorn's complaints of what a client does on a WebSocket: whoever likes could fill the log with them.

    One is of each that was refused with an HTTP status, as ASGI provides for: a canvas whose token has expired asks
    again every second, and its refusals are in the log by themselves. The other comes with a stack trace.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything else pass."""
        return record.msg not in _DENIALS


def _hidden(value: object) -> object:
    return _TOKEN.sub(r"\1...", value) if isinstance(value, str) else value
