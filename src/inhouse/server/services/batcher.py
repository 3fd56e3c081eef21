"""The batcher: which calls wait, which of them are computed together, and which are refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.errors import DeadlineError, OverloadedError
from inhouse.server.services.pace import Pace

if TYPE_CHECKING:
    from asyncio import Future

    from inhouse.server.services.base import Call

_LEAST_SECONDS = 0.001
_TRIES = 2
_DEATHS = 4


@dataclass(slots=True, eq=False)
class Job:
    """A call that waits or is computed.

    Attributes:
        id: its number.
        call: as it came.
        came: when, on the event loop's clock.
        future: gets what comes of it; whoever hangs up cancels it.
        stream: it wants a process of its own for as long as it takes.
        tries: how often it was being computed when the process died.
        deaths: how often the process died that it had been given to.
        begun: when it was given to a process the last time.

    """

    id: int
    call: Call
    came: float
    future: Future[Any]
    stream: bool = False
    tries: int = 0
    deaths: int = 0
    begun: float = 0.0

    @property
    def alone(self) -> bool:
        """Whether nothing else may be computed beside it: it streams, or may have ended a process."""
        return self.stream or self.tries > 0


@dataclass(slots=True)
class Tally:
    """What happened to batches; all numbers only grow."""

    batches: int = 0
    rows: int = 0
    seconds: float = 0.0
    shed: int = 0
    expired: int = 0
    retried: int = 0


@dataclass(slots=True)
class Batcher:
    """Calls that wait, the oldest first.

    Attributes:
        most: rows of a batch; a call that has more goes by itself.
        max_delay: seconds that the oldest call may wait for others.
        max_waiting: rows that may wait.
        pace: how long batches take.
        tally: what happened so far.
        rows: that wait.

    """

    most: int
    max_delay: float
    max_waiting: int
    pace: Pace = field(default_factory=Pace)
    tally: Tally = field(default_factory=Tally)
    rows: int = 0
    _jobs: deque[Job] = field(default_factory=deque)
    _expected: int = 0
    _until: float = 0.0
    _faith: float = 1.0
    """Of callers who are answered, how many are believed to call again at once; less wherever that was in vain."""

    def __len__(self) -> int:
        return len(self._jobs)

    def admit(self, call: Call, now: float, ahead: int, replicas: int) -> None:
        """Refuse a call that could not be begun in time.

        Args:
            call: the call.
            now: on the event loop's clock.
            ahead: rows that are being computed.
            replicas: that compute.

        Raises:
            DeadlineError: its time is over already.
            OverloadedError: it would be over before its turn came, or too many wait.

        """
        if call.deadline < now:
            self.tally.expired += 1
            raise late()
        wait = self.pace.seconds(self.rows + ahead, self.most) / max(replicas, 1)
        if self.rows + call.rows > self.max_waiting and self.rows:
            self.tally.shed += 1
            raise OverloadedError(f"{self.rows} rows wait already.", seconds=max(wait, _LEAST_SECONDS), hint=_LATER)
        if now + wait > call.deadline:
            self.tally.shed += 1
            over = now + wait - call.deadline
            raise OverloadedError(
                f"The call would wait for about {wait:.3g} s, which is longer than it has.",
                seconds=max(over, _LEAST_SECONDS),
                hint=_LATER,
            )

    def put(self, job: Job) -> None:
        """Let a call wait."""
        self._jobs.append(job)
        self.rows += job.call.rows

    def put_back(self, jobs: Iterable[Job]) -> list[Job]:
        """Let calls wait again, before all others; return those that ended too many processes."""
        kept = [job for job in jobs if job.tries < _TRIES and job.deaths < _DEATHS]
        self._jobs.extendleft(reversed(kept))
        self.rows += sum(job.call.rows for job in kept)
        self.tally.retried += len(kept)
        return [job for job in jobs if job not in kept]

    def drop(self, job: Job) -> None:
        """Forget a call whose caller hung up; one that is being computed is not here any more."""
        if job in self._jobs:
            self._jobs.remove(job)
            self.rows -= job.call.rows

    def clear(self) -> list[Job]:
        """Let none wait any more, and return them."""
        jobs = list(self._jobs)
        self._jobs.clear()
        self.rows = 0
        return jobs

    def expire(self, now: float) -> list[Job]:
        """Take out and return all whose time is over."""
        late_ones = [job for job in self._jobs if job.call.deadline <= now]
        for job in late_ones:
            self.drop(job)
        self.tally.expired += len(late_ones)
        return late_ones

    def next_deadline(self) -> float:
        """Return when the first of those who wait is too late; infinity for never."""
        return min((job.call.deadline for job in self._jobs), default=float("inf"))

    @property
    def first_alone(self) -> bool:
        """Whether the next one wants a process for itself."""
        return bool(self._jobs) and self._jobs[0].alone

    def due(self, running: int = 0) -> float:
        """Return when the next batch should go, on the event loop's clock.

        A full batch goes at once. To an idle process what there is goes at once, too, but for a moment after callers
        were answered, who are likely to call again. A process that computes gets a full batch beforehand; a smaller one
        waits for those who are answered next, as two halves cost more than the whole.

        Args:
            running: rows that the process is computing; 0 for an idle one.

        """
        first = self._jobs[0]
        if self.rows >= self.most or first.alone:
            return 0.0
        if running:
            return float("inf")
        return 0.0 if self.rows >= self._expected else self._until

    def computed(self, rows: int, seconds: float, now: float) -> None:
        """Note that so many rows were computed in so many seconds, and are being answered now."""
        self.pace.measured(rows, seconds)
        self.tally.batches += 1
        self.tally.rows += rows
        self.tally.seconds += seconds
        self._expected, self._until = min(self.rows + round(rows * self._faith), self.most), now + self.max_delay

    def take(self, now: float) -> list[Job]:
        """Take out the next batch: the oldest calls."""
        if self._jobs[0].alone:
            return self._taken([self._jobs.popleft()], now)
        if self._expected:
            met = self.rows >= self._expected
            self._faith, self._expected = min(self._faith + 0.02, 1.0) if met else self._faith * 0.9, 0
        taken: list[Job] = []
        rows = 0
        while self._jobs and not (job := self._jobs[0]).alone:
            rows += job.call.rows
            if taken and rows > self.most:
                break
            taken.append(self._jobs.popleft())
        return self._taken(taken, now)

    def _taken(self, jobs: list[Job], now: float) -> list[Job]:
        for job in jobs:
            self.rows -= job.call.rows
            job.begun = now
        return jobs


_LATER = "Try again later, or give it more time."


def late() -> DeadlineError:
    """Return the error of a call whose time was over before it was begun."""
    return DeadlineError("The call's time was over before its work was begun.", hint="Give it more time.")
