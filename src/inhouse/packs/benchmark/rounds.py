"""Rounds: every variant under every load in each, in a new order each time, so that noise falls on all alike."""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.errors import InhouseError, UsageError
from inhouse.packs.benchmark.energy import EnergyMeter
from inhouse.packs.benchmark.fidelity import fidelity
from inhouse.packs.benchmark.machine import machine
from inhouse.packs.benchmark.model import Cell, Load, Report
from inhouse.packs.benchmark.steadiness import warm_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.packs.benchmark.subject import Subject

Progress: TypeAlias = Callable[[float, float, str], None]
"""Told the seconds gone, the seconds planned, and what is being done."""

ROUNDS = (8, 40)
"""As few and as many rounds as there are, where calls are quick enough; never fewer than `AT_LEAST`."""
AT_LEAST = 3
WARMING = 0.2
"""The part of the time that warming up may take."""
MOST_CALLS = 2000
"""A round has no more, so that a report of quick calls stays small."""
_ATTEMPTS = 3
"""A target of which so many first calls fail is not measured."""


@dataclass(slots=True)
class Bench:
    """Measures subjects against one another.

    Attributes:
        subjects: what is measured; the first is what the others are compared with.
        loads: what is asked, by kind of subject.
        seconds: how long measuring may take; loading comes on top, and a round that was begun is ended.
        reference: what answers are compared with; by default the first subject's own.
        progress: is told how far it is; may raise to stop it.
        clock: seconds, rising.
        meter: reads joules.
        seed: of the order.
        describe: tells of the machine.

    """

    subjects: Sequence[Subject]
    loads: Mapping[str, Sequence[Load]]
    seconds: float = 30.0
    reference: Subject | None = None
    progress: Progress = lambda *_: None
    clock: Callable[[], float] = time.perf_counter
    meter: EnergyMeter = field(default_factory=EnergyMeter)
    seed: int = 0
    describe: Callable[[], Mapping[str, Any]] = machine
    _latency: dict[tuple[str, Load], float] = field(default_factory=dict, init=False)

    def run(self) -> Report:
        """Measure; a subject that cannot be measured says why in its variant, and the others go on.

        Raises:
            UsageError: there is nothing to measure.

        """
        if not self.subjects or not any(self.loads.values()) or self.seconds <= 0:
            raise UsageError("There is nothing to measure.", hint="Name a model, a workflow or an address, and a time.")
        report = Report(uuid.uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds"), machine=self.describe())
        report.variants = [subject.variant for subject in self.subjects]
        report.energy = self.meter.source
        begun = self.clock()
        with contextlib.ExitStack() as stack:
            for subject in self._alive():
                stack.callback(subject.close)
                with self._telling(subject):
                    self.progress(0, self.seconds, f"loading {subject.variant.name}")
                    subject.open()
            self._compare_answers()
            self._measure(report)
            for subject in self._alive():
                with self._telling(subject):
                    subject.observe()
        report.seconds = self.clock() - begun
        return report

    def _alive(self) -> list[Subject]:
        return [subject for subject in self.subjects if not subject.variant.error]

    def _compare_answers(self) -> None:
        """Note how near each subject's answers are to the reference's."""
        against = self.reference or next(iter(self._alive()), None)
        if against is None:
            return
        if self.reference is not None:
            self.progress(0, self.seconds, f"loading {against.variant.name}")
        with contextlib.ExitStack() as stack:
            if self.reference is not None:
                stack.callback(against.close)
                against.open()
            wanted: Mapping[str, NDArray[Any]] = {}
            with contextlib.suppress(InhouseError):
                wanted = against.answers()
            for subject in self._alive():
                if wanted and subject is not against:
                    with self._telling(subject):
                        found = fidelity(wanted, subject.answers())
                        subject.variant.fidelity = {"against": against.variant.name, **found}

    def _measure(self, report: Report) -> None:
        begun = self.clock()
        pairs = [
            (subject, Cell(subject.variant.name, load))
            for subject in self._alive()
            for load in self.loads.get(subject.variant.kind, ())
        ]
        report.cells = [cell for _, cell in pairs]
        for subject, cell in pairs:
            with self._telling(subject):
                self.progress(self.clock() - begun, self.seconds, f"warming up {cell.variant}, {cell.load}")
                self._warm_up(subject, cell, self.seconds * WARMING / len(pairs))
        pairs = self._going(pairs)
        rounds, share = self._plan(pairs, begun)
        order = random.Random(self.seed)  # noqa: S311 - an order, not a secret
        for number in range(rounds):
            order.shuffle(pairs)
            for subject, cell in self._going(pairs):
                with self._telling(subject):
                    told = f"round {number + 1} of {rounds}: {cell.variant}, {cell.load}"
                    self.progress(min(self.clock() - begun, self.seconds), self.seconds, told)
                    cell.slices.append(self._slice(subject, cell.load, share))
            if number + 1 >= AT_LEAST and self.clock() - begun > self.seconds:
                break

    def _going(self, pairs: Sequence[tuple[Subject, Cell]]) -> list[tuple[Subject, Cell]]:
        return [(one, cell) for one, cell in pairs if not one.variant.error and self._key(cell) in self._latency]

    def _warm_up(self, subject: Subject, cell: Cell, seconds: float) -> None:
        """Call until calls are steady; note errors of a target that answers none."""
        load = cell.load
        first = [subject.measure(load, 0.0, max(1, load.concurrency)) for _ in range(1)]
        while not first[-1].latencies and len(first) < _ATTEMPTS:
            first.append(subject.measure(load, 0.0, max(1, load.concurrency)))
        if not first[-1].latencies:
            cell.slices += first
            cell.steady = False
            return
        known = [_median(first[-1].latencies)]

        def call() -> float:
            part = subject.measure(load, 0.0, max(1, load.concurrency))
            known.append(_median(part.latencies) if part.latencies else known[-1])
            return known[-1]

        found = warm_up(call, self.clock, seconds)
        cell.warm_up, cell.steady = found.calls + len(first), found.steady
        self._latency[self._key(cell)] = found.seconds

    def _plan(self, pairs: Sequence[tuple[Subject, Cell]], begun: float) -> tuple[int, float]:
        """Return how many rounds there are to be, and how many seconds each pair gets in one."""
        if not pairs:
            return 0, 0.0
        left = max(0.0, self.seconds - (self.clock() - begun))
        quick = sum(max(subject.shortest, 2 * self._latency[self._key(cell)]) for subject, cell in pairs)
        single = sum(self._latency[self._key(cell)] for _, cell in pairs) or 1e-9
        few, most = ROUNDS
        rounds = int(left / quick)
        if rounds < few:  # better many short rounds than few long ones: each is one draw from the machine's weather
            rounds = min(few, max(AT_LEAST, int(left / single)))
        rounds = min(most, rounds)
        return rounds, left / rounds / len(pairs)

    def _slice(self, subject: Subject, load: Load, seconds: float) -> Any:
        before = self.meter.read()
        found = subject.measure(load, seconds, MOST_CALLS)
        after = self.meter.read()
        found.joules = after - before if before is not None and after is not None else None
        return found

    @staticmethod
    def _key(cell: Cell) -> tuple[str, Load]:
        return cell.variant, cell.load

    @contextlib.contextmanager
    def _telling(self, subject: Subject) -> Iterator[None]:
        """Note in the variant why it can be measured no further."""
        from inhouse.errors import InterruptedRunError

        try:
            yield
        except InterruptedRunError:
            raise
        except InhouseError as error:
            subject.variant.error = str(error)


def _median(values: Sequence[float]) -> float:
    import numpy as np

    return float(np.median(values))
