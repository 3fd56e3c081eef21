"""A tally of what happened in a worker, by its log."""

from __future__ import annotations

import logging
from collections import Counter


class Tally(logging.Handler):
    """Counts records that say what they count, as in ``log.info(..., extra={"counts": "model_loads"})``.

    Whoever counts needs no object for it, wherever it is; and what is counted can be read in the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        """How often each was counted."""

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record; ``handle`` calls this in one thread at a time."""
        name = getattr(record, "counts", None)
        if isinstance(name, str):
            self.counts[name] += 1
