"""Runs that share a turn, each in a thread of its own, for tests of what they compute together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from inhouse.engine.control import Control
from inhouse.engine.turn import Seat, Turn
from inhouse.errors import InhouseError

DEADLINE = 60


class Runs:
    """Runs that have the turn whenever they do anything; what they return or raise is kept by name."""

    def __init__(self) -> None:
        self.turn = Turn()
        self.got: dict[str, Any] = {}
        self.controls: dict[str, Control] = {}
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], Any]) -> None:
        """Start a run, and return when it waits for the turn that somebody else has."""
        control = self.controls[name] = Control()
        seat, before = Seat(name, control), len(self.turn._waiting)

        def run() -> None:
            try:
                assert self.turn.take(seat)
                self.got[name] = work()
            except InhouseError as error:
                self.got[name] = error
            finally:
                self.turn.give(seat)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
        self.waiting(before + 1)

    def waiting(self, count: int) -> None:
        """Return when at least so many wait for the turn."""
        pause = threading.Event()
        for _ in range(DEADLINE * 500):
            if len(self.turn._waiting) >= count:
                return
            pause.wait(0.002)
        raise AssertionError(f"{count} do not wait.")

    def together(self, **works: Callable[[], Any]) -> dict[str, Any]:
        """Run functions side by side: none begins before all wait to."""
        seat = Seat("starter", Control())
        self.turn.take(seat)
        for name, work in works.items():
            self.start(name, work)
        self.turn.give(seat)
        return self.ended()

    def ended(self) -> dict[str, Any]:
        """Wait until all have ended, those started meanwhile, too, and return what they gave."""
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()
        return self.got
