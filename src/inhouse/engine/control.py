"""Control: how somebody outside stops a run."""

from __future__ import annotations

from collections import deque

from inhouse.errors import InterruptedRunError


class Control:
    """Asks a run to stop; safe to use from any thread and from a signal handler.

    ``interrupt`` stops the node that runs now (or the next to start): a node that catches failures may then go on
    with the partial result. ``cancel`` stops everything, and nothing catches it.
    """

    def __init__(self) -> None:
        self._interrupts: deque[bool] = deque(maxlen=1)  # its methods take no lock that a signal handler could meet
        self._cancelled = False

    def interrupt(self) -> None:
        """Stop the node that runs now."""
        self._interrupts.append(True)

    def cancel(self) -> None:
        """Stop the whole run."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """Whether the whole run is to stop."""
        return self._cancelled

    @property
    def requested(self) -> bool:
        """Whether a stop of either kind waits to be noticed."""
        return self._cancelled or bool(self._interrupts)

    def check(self) -> None:
        """Raise if a stop was asked for; an interrupt is used up by the one node that notices it.

        Raises:
            InterruptedRunError: stop now.

        """
        if self.take() or self._cancelled:
            raise InterruptedRunError

    def take(self) -> bool:
        """Use up an interrupt; return whether there was one."""
        try:
            return self._interrupts.pop()
        except IndexError:
            return False
