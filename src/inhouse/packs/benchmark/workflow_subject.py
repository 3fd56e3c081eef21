"""A workflow, run by the engine in this process again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from inhouse.errors import InhouseError, InterruptedRunError
from inhouse.packs.benchmark.model import Slice, Variant
from inhouse.packs.benchmark.subject import Subject

if TYPE_CHECKING:
    from inhouse.engine.engine import Engine
    from inhouse.engine.result import RunResult
    from inhouse.engine.workflow import Workflow
    from inhouse.packs.benchmark.model import Load


class WorkflowSubject(Subject):
    """Measures runs, and each node's part of them.

    Args:
        name: what it is called.
        engine: runs it.
        vary: makes the n-th run's workflow, with another seed.
        cached: whether what a run shares with the one before may be taken from there, as it would be for whoever asks
            for one picture after another. Without seeds to vary, nothing would be left to measure.
        clock: seconds, rising.
        cpu: seconds of processor time of this process.

    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        vary: Callable[[int], Workflow],
        *,
        cached: bool,
        clock: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self.variant = Variant(name, "workflow", name, {"cached": cached})
        self._engine, self._vary, self._cached = engine, vary, cached
        self._clock, self._cpu = clock, cpu
        self._runs = 0

    def open(self) -> None:
        """See `Subject.open`: the first run, which loads the models.

        Raises:
            InhouseError: it fails.

        """
        begun = self._clock()
        result = self._run()
        self.variant.load_seconds = self._clock() - begun
        if result.status == "interrupted":
            raise InterruptedRunError
        if result.failures:
            raise result.failures[0].error

    def measure(self, load: Load, seconds: float, most: int) -> Slice:
        """See `Subject.measure`; loads are all the same to it."""
        del load
        found = Slice()
        begun, used = self._clock(), self._cpu()
        for _ in range(most):
            at = self._clock()
            try:
                result = self._run()
            except InhouseError as error:
                found.errors[error.code] = found.errors.get(error.code, 0) + 1
            else:
                self._note(found, result, self._clock() - at)
            if self._clock() - begun >= seconds:
                break
        found.wall, found.cpu = self._clock() - begun, self._cpu() - used
        return found

    def _run(self) -> RunResult:
        if not self._cached:
            self._engine.cache.clear()
        self._runs += 1
        return self._engine.run(self._vary(self._runs))

    def _note(self, found: Slice, result: RunResult, seconds: float) -> None:
        if result.status == "interrupted":
            raise InterruptedRunError
        if result.failures:
            code = result.failures[0].error.code
            found.errors[code] = found.errors.get(code, 0) + 1
            return
        found.latencies.append(seconds)
        nodes = self._vary(self._runs).nodes
        for node_id, took in result.seconds.items():
            node = nodes.get(node_id)
            name = f"{node.title or node.type} ({node_id})" if node else node_id
            found.parts[name] = found.parts.get(name, 0.0) + took
