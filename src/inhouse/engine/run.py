"""A run: one workflow on its way through the engine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from inhouse.engine import calls
from inhouse.engine.asking import ask, parameters
from inhouse.engine.events import (
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodesCached,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from inhouse.engine.expansion import collect, expand
from inhouse.engine.failing import is_caught, recorded, translated
from inhouse.engine.graph import Graph
from inhouse.engine.result import RunResult, deadlocks, status_of
from inhouse.engine.schedule import Schedule
from inhouse.engine.sharing import shared_names
from inhouse.engine.task import Failure, State, Task
from inhouse.errors import InterruptedRunError, SharedAccessError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from inhouse.engine.cache import Outcome
    from inhouse.engine.context import Shared
    from inhouse.engine.node import Result
    from inhouse.engine.surroundings import Surroundings
    from inhouse.engine.validation import Validation


class Run:
    """Executes one workflow.

    The thread that calls ``execute`` runs all synchronous nodes, one after another, and has the engine's turn while it
    does; asynchronous ones run side by side on the engine's event loop. Both report to the same schedule.
    """

    def __init__(self, validation: Validation, surroundings: Surroundings) -> None:
        self.around = surroundings
        self.emit = surroundings.emit
        self.graph = Graph(validation, surroundings)
        self.targets = self.graph.wanted()
        self.schedule = Schedule(self.graph, surroundings.cache, self._start)
        self.failures: list[Failure] = []
        self.announced = 0
        self.broken: BaseException | None = None

    def execute(self) -> RunResult:
        """Run to the end and say what became of it; raises what a listener raises, and what no node may catch."""
        around, schedule = self.around, self.schedule
        self.emit(RunStarted(around.run_id))
        try:
            schedule.demand(self.targets)
            self._announce()
            schedule.open()
            while (task := schedule.next(around.control, self._cancel, self._rest)) is not None:
                if not around.turn.take(around.seat):
                    self._stop(task)
                elif self._prepare(task):
                    self._run(task)
                if len(schedule.cached) > self.announced:
                    self._announce()
        except BaseException:
            self._abandon()
            raise
        if self.broken is not None:
            raise self.broken
        result = self._result()
        self.emit(RunFinished(around.run_id, result.status))
        return result

    # -- one task ---------------------------------------------------------------------------------------------------

    def _prepare(self, task: Task) -> bool:
        """Return whether the task's function is to be called now; settle it or let it wait where it is not."""
        if task.state is State.EXPANDED:
            self._collect(task)
            return False
        failure = task.blamed()
        if failure is not None:
            self.schedule.settle(task, None, failure)
            return False
        if task.id in self.graph.late and self._reuse_late(task):
            return False
        return task.spec.needs is None or self._lazy_ready(task)

    def _reuse_late(self, task: Task) -> bool:
        with self.schedule.lock:
            self.graph.set_key(task, calls.arguments(task) if task.spec.fingerprint is not None else ())
            key = self.graph.keys[task.id]
            outcome = self.around.cache.get(key) if key is not None else None
            if outcome is not None:
                self.schedule.reuse(task, outcome)
            return outcome is not None

    def _lazy_ready(self, task: Task) -> bool:
        """Ask the node which lazy inputs it wants; return whether all of these are there."""
        spec = task.spec
        wanted = set(task.wanted)
        known: dict[str, Any] = {name: None for name, declared in spec.inputs.items() if declared.lazy}
        if spec.needs is not None and "context" in parameters(spec.needs).names:
            known["context"] = self.around.context(task)
        try:
            for call in calls.arguments(task):
                if spec.needs is not None and calls.blocker(spec, call) is None:
                    answer = ask(spec.needs, {**known, **call}) or ()
                    wanted.update([answer] if isinstance(answer, str) else answer)
        except Exception as error:  # noqa: BLE001 - ``needs`` is the node's code, too
            self._fail(task, error, time.perf_counter())
            return False
        with self.schedule.lock:
            before = {name for name in task.sources if task.reads(name)}
            task.wanted = frozenset(wanted)
            missing = [source for name, source in task.sources.items() if name not in before and task.reads(name)]
            if not missing:
                return True
            task.state = State.WAITING
            self.schedule.wait(task, missing)
            self.schedule.demand(missing)
            return False

    def _stop(self, task: Task) -> None:
        """Fail a task whose turn had not come when the run was asked to stop."""
        self.around.control.take()
        self._fail(task, InterruptedRunError(), time.perf_counter())

    def _run(self, task: Task) -> None:
        if task.spec.is_async:
            self.schedule.launch(task)
            return
        started = time.perf_counter()
        self.emit(NodeStarted(task.id, task.display_id))
        try:
            made = self._compute(task)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the one border where a node's exception becomes ours
            self._fail(task, error, started)
        else:
            self._conclude(task, made, started)

    def _compute(self, task: Task) -> Outcome | list[Task]:
        """Call a node; apart from ``_run``, so that what the node was given goes with this frame when it fails."""
        spec = task.spec
        self.around.control.check()
        shared = self.around.shared_view(task)
        results = [
            calls.blocked(spec) if call is None else calls.normalise(spec, spec.function(**call))
            for call in self._arguments(task, shared)
        ]
        return self._digest(task, results, shared)

    def _start(self, task: Task) -> None:
        self.around.lane.start(self._fly(task))

    async def _fly(self, task: Task) -> None:
        try:
            await self._run_async(task)
        except BaseException as error:  # noqa: BLE001 - a listener's; ``execute`` raises it
            self.broken = error
            self.schedule.stopping = True
        finally:
            self.schedule.landed()

    async def _run_async(self, task: Task) -> None:
        started = time.perf_counter()
        self.emit(NodeStarted(task.id, task.display_id))
        try:
            made = await self._compute_async(task)
        except Exception as error:  # noqa: BLE001 - as above
            if isinstance(error, InterruptedRunError):
                self.around.control.take()  # it was cancelled for it, and did not ask itself
            self._fail(task, error, started)
        else:
            self._conclude(task, made, started)

    async def _compute_async(self, task: Task) -> Outcome | list[Task]:
        spec = task.spec
        self.around.control.check()
        shared = self.around.shared_view(task)
        arguments = self._arguments(task, shared)
        works: list[Coroutine[Any, Any, Any]] = []
        try:
            works.extend(spec.function(**call) for call in arguments if call is not None)
            returned = iter(await self.around.lane.gather(self, works))
        finally:
            for work in works:
                work.close()
        results = [calls.blocked(spec) if call is None else calls.normalise(spec, next(returned)) for call in arguments]
        return self._digest(task, results, shared)

    def _arguments(self, task: Task, shared: Shared | None) -> list[dict[str, Any] | None]:
        """Return the arguments of each call; None for one that a blocker keeps from running."""
        spec = task.spec
        arguments: list[dict[str, Any] | None] = []
        for index, call in enumerate(calls.arguments(task)):
            stop = calls.blocker(spec, call)
            if stop is not None:
                task.storable = False  # so that the next run tells of it, too
                if stop.message is not None:
                    self.emit(NodeBlocked(task.id, task.display_id, stop.message))
                arguments.append(None)
                continue
            if spec.context:
                call[spec.context] = self.around.context(task, index, shared)
            arguments.append(call)
        return arguments

    # -- what becomes of a task -------------------------------------------------------------------------------------

    def _digest(self, task: Task, results: Sequence[Result], shared: Shared | None) -> Outcome | list[Task]:
        """Return the outcome of a task, or the output nodes of what it expanded into."""
        written: Mapping[str, Any] = shared.written if shared is not None else {}
        if any(result.expand is not None for result in results):
            with self.schedule.lock:
                task.written = written
                return expand(self.graph, task, results)
        if shared is not None and results and task.storable:
            _all_written(task, written)
        return calls.collect(task.spec, results, written)

    def _conclude(self, task: Task, made: Outcome | list[Task], started: float) -> None:
        task.seconds += time.perf_counter() - started
        if not isinstance(made, list):
            self._succeed(task, made)
            return
        with self.schedule.lock:
            self.targets.extend(made)
            task.state = State.EXPANDED
            self.schedule.wait(task, task.made)
            self.schedule.demand([*task.made, *made])

    def _collect(self, task: Task) -> None:
        failure = next((child.failure for child in task.made if child.failure is not None), None)
        if failure is not None:
            self.schedule.settle(task, None, failure)
            return
        try:
            outcome = collect(self.graph, task)
            _all_written(task, outcome.writes)
        except Exception as error:  # noqa: BLE001 - what a node shows may be of any shape
            self._fail(task, error, time.perf_counter())
        else:
            self._succeed(task, outcome)

    def _succeed(self, task: Task, outcome: Outcome) -> None:
        if task.depends_on_failure():
            task.tainted, self.graph.keys[task.id] = True, None
        elif task.storable and (key := self.graph.keys[task.id]) is not None:
            self.around.cache.put(key, outcome)
        self.emit(NodeFinished(task.id, task.display_id, outcome.ui, task.seconds))
        self.schedule.settle(task, outcome, None)

    def _fail(self, task: Task, raised: BaseException, started: float) -> None:
        task.seconds += time.perf_counter() - started
        error = translated(raised, task)
        failure = Failure(error, task.id, getattr(error, "partial", None))
        with self.schedule.lock:
            caught = not self.around.control.cancelled and is_caught(task)
            if not caught:
                self.failures.append(failure)
                self.schedule.stopping |= isinstance(error, InterruptedRunError)
        self.emit(NodeFailed(task.id, task.display_id, error, caught, calls.told(task), recorded(raised)))
        self.schedule.settle(task, None, failure)

    # -- the whole --------------------------------------------------------------------------------------------------

    def _cancel(self) -> None:
        self.around.lane.cancel(self)

    def _rest(self) -> None:
        self.around.turn.give(self.around.seat)

    def _abandon(self) -> None:
        """Wait until no asynchronous node of this run is left."""
        self.schedule.stopping = True
        self.schedule.next(self.around.control, self._cancel, self._rest)

    def _announce(self) -> None:
        """Tell which results the cache had, since this was last told."""
        fresh = self.schedule.cached[self.announced :]
        self.announced += len(fresh)
        self.emit(NodesCached(tuple([task.id for task in fresh])))
        for task in fresh:
            if task.keep and task.outcome is not None:
                self.emit(NodeFinished(task.id, task.display_id, task.outcome.ui, 0.0, cached=True))

    def _result(self) -> RunResult:
        told = {failure.node_id for failure in self.failures}
        for task in self.targets:  # what was caught and then asked for again reached a target all the same
            if task.failure is not None and task.failure.node_id not in told:
                told.add(task.failure.node_id)
                self.failures.append(task.failure)
        for failure in () if self.schedule.stopping else deadlocks(self.targets, self.graph.tasks.values()):
            self.failures.append(failure)
            display_id = failure.error.node_id or failure.node_id
            self.emit(NodeFailed(failure.node_id, display_id, failure.error, caught=False))
        done = {task.id: task.outcome for task in self.targets if task.outcome is not None}
        return RunResult(
            run_id=self.around.run_id,
            status=status_of(self.targets, self.failures, stopping=self.schedule.stopping),
            outputs={node_id: outcome.ui for node_id, outcome in done.items() if outcome.ui is not None},
            values={node_id: outcome.slots for node_id, outcome in done.items()},
            failures=tuple(self.failures),
            cached=tuple([task.id for task in self.schedule.cached]),
            seconds={task.id: task.seconds for task in self.graph.tasks.values() if task.seconds},
        )


def _all_written(task: Task, written: Mapping[str, Any]) -> None:
    unwritten = sorted(set(shared_names(task.spec.writes, task.inputs)) - written.keys()) if task.spec.writes else []
    if unwritten:
        message = f"Node {task.id!r} declares that it writes {unwritten} and did not."
        raise SharedAccessError(message, hint="Write it in every case, None if need be.")
