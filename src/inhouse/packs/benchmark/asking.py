"""The process in which a model is measured: it loads one, and does what its parent says over a pipe.

Each variant has a process of its own, so that memory is that of the variant alone, its threads do not meet another
runtime's, and what crashes takes nothing else with it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.errors import InhouseError
from inhouse.packs.benchmark.model import Load, Slice

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import numpy as np
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds, Session, SessionOptions
    from inhouse.packs.benchmark.feeds import Questions

Declared: TypeAlias = "Mapping[str, tuple[np.dtype[Any], tuple[int | str, ...]]]"
Opener: TypeAlias = "Callable[[], Session]"

COMPARED = 16
"""Rows whose answers are compared, at most, in one batch."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a process is to load: a runtime's name, a file, how, and what to ask it."""

    runtime: str
    model: Path
    options: SessionOptions
    questions: Questions

    def open(self) -> Session:
        """Load it; see `inhouse.backends.sessions.registry.open_session`."""
        from inhouse.backends.sessions.registry import open_session

        return open_session(self.runtime, self.model, self.options)


@dataclass(slots=True)
class Asker:
    """Asks sessions of one model, and takes the time.

    Attributes:
        opener: makes another session.
        questions: what is asked.
        clock: seconds, rising.
        cpu: seconds of processor time of this process.
        sessions: those so far; one for each call that is on its way at once.

    """

    opener: Opener
    questions: Questions
    clock: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    sessions: list[Session] = field(default_factory=list)
    _feeds: dict[int, Feeds] = field(default_factory=dict)

    def touch(self) -> None:
        """Import what every session needs, so that loading one is told from that."""
        import numpy as np

        np.zeros(1)

    def peak(self) -> int:
        """Return the most bytes of memory that this process ever had; 0 where the system does not say."""
        try:
            import resource
        except ImportError:  # Windows
            return 0
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def open(self) -> None:
        """Load the first session."""
        self.sessions.append(self.opener())

    def measure(self, load: Load, seconds: float, most: int) -> Slice:
        """Call for so long; each of ``load.concurrency`` threads has a session of its own."""
        while len(self.sessions) < load.concurrency:
            self.sessions.append(self.opener())
        feeds = self._feeds.setdefault(load.batch, self.questions.feeds(self.sessions[0].inputs, load.batch))
        sessions = self.sessions[: load.concurrency]
        begun, used = self.clock(), self.cpu()
        until, share = begun + seconds, max(1, most // load.concurrency)
        if len(sessions) == 1:
            parts = [self._ask(sessions[0], feeds, until, share)]
        else:
            with ThreadPoolExecutor(len(sessions)) as pool:
                parts = list(pool.map(lambda session: self._ask(session, feeds, until, share), sessions))
        whole = Slice(wall=self.clock() - begun, cpu=self.cpu() - used)
        for part in parts:
            whole.latencies += part.latencies
            for kind, count in part.errors.items():
                whole.errors[kind] = whole.errors.get(kind, 0) + count
        return whole

    def answers(self) -> dict[str, NDArray[Any]]:
        """Return what the model answers to some rows, one batch of them."""
        first = self.sessions[0]
        fixed = {axes[0] for _, axes in first.inputs.values() if axes and isinstance(axes[0], int)}
        rows = int(next(iter(fixed))) if fixed else COMPARED
        return first.run(self.questions.feeds(first.inputs, rows))

    def _ask(self, session: Session, feeds: Feeds, until: float, most: int) -> Slice:
        found, clock = Slice(), self.clock
        for _ in range(most):
            begun = clock()
            try:
                session.run(feeds)
            except InhouseError as error:
                found.errors[error.code] = found.errors.get(error.code, 0) + 1
            else:
                found.latencies.append(clock() - begun)
            if clock() >= until:
                break
        return found


def serve(pipe: Connection, recipe: Recipe) -> None:
    """Do what comes through the pipe until it says ``close`` or its other end is gone.

    Each request is a name of `Asker`'s with arguments; each answer is ``("ok", value)`` or ``("error", InhouseError's
    class, message)``.
    """
    asker = Asker(recipe.open, recipe.questions)
    while True:
        try:
            name, arguments = pipe.recv()
            if name == "close":
                return
            pipe.send(_done(asker, name, arguments))
        except (EOFError, KeyboardInterrupt, BrokenPipeError):
            return


def _done(asker: Asker, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        return "ok", getattr(asker, name)(*arguments)
    except InhouseError as error:
        return "error", error.code, str(error)
    except MemoryError:
        return "error", "out_of_memory", "The memory does not suffice."
    except Exception as error:  # noqa: BLE001 - a runtime's own; the parent says which variant it was
        return "error", "node_failed", f"{type(error).__name__}: {error}"
