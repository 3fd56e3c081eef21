"""Keeps tokens out of logs."""

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


def _hidden(value: object) -> object:
    return _TOKEN.sub(r"\1...", value) if isinstance(value, str) else value
