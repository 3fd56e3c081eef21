"""The program's log, kept from libraries that rearrange it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_log() -> Iterator[None]:
    """Keep what is logged as it is: converters turn the whole program's log down to errors, and may leave it so."""
    root = logging.getLogger()
    level, filters, handlers, disabled = root.level, list(root.filters), list(root.handlers), root.manager.disable
    try:
        yield
    finally:
        root.setLevel(level)
        root.filters[:], root.handlers[:] = filters, handlers
        logging.disable(disabled)
