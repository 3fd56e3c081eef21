"""The log of a server: every line, as often as it comes, with its time and stack traces, on standard error."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def server_log(notices: logging.Handler) -> Iterator[None]:
    """Log to standard error inside.

    A command's notices keep each text to say it once only. A server runs for months, and strangers can make it say
    ever new ones, so that theirs are set aside.
    """
    root, ours = logging.getLogger(), logging.getLogger("inhouse")
    written = logging.StreamHandler(sys.stderr)
    written.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    before = ours.level
    root.removeHandler(notices)
    root.addHandler(written)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(before)
        root.removeHandler(written)
        root.addHandler(notices)
