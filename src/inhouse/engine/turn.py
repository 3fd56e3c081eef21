"""The turn: of all runs in a process that share it, one at a time executes nodes that are not asynchronous."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inhouse.engine.control import Control

PATIENCE = 0.25
"""Seconds after which who stepped aside goes before those who came later."""

SLICE = 0.005
"""Seconds for which a run may go on from node to node while others wait: a change of threads costs more than a node."""

_LOOK = 0.1
"""Seconds between two looks at whether a run is to stop; a signal handler may ask for it, and cannot notify."""

_DUE = attrgetter("due")


class Seat:
    """A run's place at a turn.

    Args:
        run_id: the run.
        control: stops the run, and its waiting with it.

    Attributes:
        due: when it waits, since when; later for who stepped aside. The least comes first.
        since: when it got the turn.
        thread: that which has the turn, or waits for it.
        bell: let go when it gets the turn after waiting.

    """

    __slots__ = ("bell", "control", "due", "run_id", "since", "thread")

    def __init__(self, run_id: str, control: Control) -> None:
        self.run_id = run_id
        self.control = control
        self.due = self.since = 0.0
        self.thread = 0
        self.bell = threading.Lock()
        self.bell.acquire()


class Turn:
    """A fair lock with two ranks, which a run holds from node to node.

    Packs are not written for threads, so no two of them are to run at once; yet several runs may be on their way in
    one process, each in a thread of its own. Who has the turn may step aside, as a sampler does each time before it
    asks its network: what others have to do comes first then, for a while.

    A node that waits for another run of the same turn does so inside ``yielded``, or waits for ever; a run that a node
    executes in its own thread is a part of that node.

    Args:
        patience: seconds for which who steps aside lets newcomers go first.
        on_switch: told the id of each run that gets the turn after another one had it, in that run's thread.
        clock: seconds, rising.

    """

    def __init__(
        self,
        *,
        patience: float = PATIENCE,
        on_switch: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._on_switch = on_switch
        self._clock = clock
        self._lock = threading.Lock()
        self._holder: Seat | None = None
        self._latest: Seat | None = None
        self._waiting: list[Seat] = []

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for the turn."""
        return bool(self._waiting)

    def mine(self) -> Seat | None:
        """Return the seat that has the turn in the calling thread; None when the thread does not have it."""
        holder = self._holder
        return holder if holder is not None and holder.thread == threading.get_ident() else None

    def take(self, seat: Seat) -> bool:
        """Wait for the turn; return whether it was got, which it is not when the run is asked to stop meanwhile.

        Who has it keeps it, unless others wait and have done so for long enough.
        """
        with self._lock:
            holder = self._holder
            if holder is seat:
                if not self._waiting or self._clock() - seat.since < SLICE:
                    return True
                self._queue(seat)
                self._pass_on()
            elif holder is None:
                self._sit(seat)
            elif holder.thread == threading.get_ident():
                return True
            else:
                self._queue(seat)
        if holder is not None:
            while not seat.bell.acquire(timeout=_LOOK):
                if seat.control.requested and self._gave_up(seat):
                    return False
        self._begin(seat)
        return True

    def give(self, seat: Seat) -> None:
        """Let the next one have the turn; nothing happens if the seat does not have it."""
        with self._lock:
            if self._holder is seat:
                self._pass_on()
            elif seat in self._waiting:  # its thread was torn out of its waiting
                self._waiting.remove(seat)

    def step_aside(self, seat: Seat) -> bool:
        """Let others go first, for a while also those who come later; called with the turn, returns with the turn.

        A run that is asked to stop waits like one that did not step aside, and is not let go without the turn: what it
        does about it is node code, too.

        Returns:
            Whether the run may go on.

        """
        with self._lock:
            if not self._waiting:
                return not seat.control.requested
            self._queue(seat, self._patience)
            self._pass_on()
        self._wait(seat)
        return not seat.control.requested

    def hurry(self, seat: Seat) -> None:
        """Have who stepped aside wait like one that did not."""
        with self._lock:
            seat.due = min(seat.due, self._clock())

    @contextmanager
    def yielded(self) -> Iterator[None]:
        """Be without the turn while something else is waited for; nothing changes in a thread that does not have it."""
        seat = self.mine()
        if seat is None:
            yield
            return
        self.give(seat)
        try:
            yield
        finally:
            with self._lock:
                free = self._holder is None
                self._sit(seat) if free else self._queue(seat)
            self._begin(seat) if free else self._wait(seat)

    def _wait(self, seat: Seat) -> None:
        while not seat.bell.acquire(timeout=_LOOK):
            if seat.control.requested:
                self.hurry(seat)
        self._begin(seat)

    def _begin(self, seat: Seat) -> None:
        seat.since = self._clock()
        if self._latest is not seat:
            self._latest = seat
            if self._on_switch is not None:
                self._on_switch(seat.run_id)

    def _gave_up(self, seat: Seat) -> bool:
        """Stop waiting; return False when the turn came just now."""
        with self._lock:
            waits = seat in self._waiting
            if waits:
                self._waiting.remove(seat)
            return waits

    # -- with the lock ----------------------------------------------------------------------------------------------

    def _sit(self, seat: Seat) -> None:
        seat.thread = threading.get_ident()
        self._holder = seat

    def _queue(self, seat: Seat, patience: float = 0.0) -> None:
        seat.thread = threading.get_ident()
        seat.due = self._clock() + patience
        self._waiting.append(seat)

    def _pass_on(self) -> None:
        if not self._waiting:
            self._holder = None
            return
        self._holder = seat = min(self._waiting, key=_DUE)
        self._waiting.remove(seat)
        seat.bell.release()
