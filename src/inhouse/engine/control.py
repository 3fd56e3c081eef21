"""Control: how somebody outside stops a run."""

from __future__ import annotations

import threading

from inhouse.errors import InterruptedRunError


class Control:
    """Asks a run to stop; safe to use from any thread and from a signal handler.

    ``interrupt`` stops the node that runs now (or the next to start): a node that catches failures may then go on
    with the partial result. ``cancel`` stops everything, and nothing catches it.
    """

    def __init__(self) -> None:
        self._interrupted = threading.Event()
        self._cancelled = threading.Event()

    def interrupt(self) -> None:
        """Stop the node that runs now."""
        self._interrupted.set()

    def cancel(self) -> None:
        """Stop the whole run."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether the whole run is to stop."""
        return self._cancelled.is_set()

    @property
    def requested(self) -> bool:
        """Whether a stop of either kind waits to be noticed."""
        return self._cancelled.is_set() or self._interrupted.is_set()

    def check(self) -> None:
        """Raise if a stop was asked for; an interrupt is used up by the node that notices it.

        Raises:
            InterruptedRunError: stop now.

        """
        if self.requested:
            self._interrupted.clear()
            raise InterruptedRunError
