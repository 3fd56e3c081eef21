"""A run: one workflow on its way through the engine."""

from __future__ import annotations

import heapq
import inspect
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.engine import calls
from inhouse.engine.cache import Outcome
from inhouse.engine.context import Context, Shared
from inhouse.engine.events import (
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodesCached,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from inhouse.engine.graph import Graph
from inhouse.engine.node import Result
from inhouse.engine.sharing import shared_names
from inhouse.engine.task import Failure, State, Task
from inhouse.engine.workflow import Link
from inhouse.errors import (
    InhouseError,
    InterruptedRunError,
    NodeExecutionError,
    OutOfMemoryError,
    SharedAccessError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inhouse.engine.cache import Cache
    from inhouse.engine.control import Control
    from inhouse.engine.events import Emit
    from inhouse.engine.lane import AsyncLane
    from inhouse.engine.registry import Registry
    from inhouse.engine.validation import Validation
    from inhouse.engine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a run.

    Attributes:
        run_id: the run.
        status: ``success``, ``error`` or ``interrupted``.
        outputs: what each output node shows, by node id.
        values: for each target the list of values of each of its outputs.
        failures: the nodes that failed with nobody to catch it.
        cached: ids of nodes whose result was there already.
        seconds: how long each node ran, by id.

    """

    run_id: str
    status: str
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    cached: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run gets from its engine and its caller."""

    registry: Registry
    cache: Cache
    lane: AsyncLane
    services: Mapping[type[Any], Any]
    control: Control
    emit: Emit
    run_id: str
    shared: Mapping[str, Any]


class Run:
    """Executes one workflow.

    The thread that calls ``execute`` runs all synchronous nodes, one after another; asynchronous ones run side by side
    on the engine's event loop. Both report to the same graph under one lock.
    """

    def __init__(self, workflow: Workflow, validation: Validation, surroundings: Surroundings) -> None:
        self.workflow = workflow
        self.around = surroundings
        self.graph = Graph(surroundings.registry, self._fingerprint)
        self.targets = self.graph.load(workflow, validation)
        self.cached: list[str] = []
        self.ready: list[tuple[int, int, Task]] = []
        self.changed = threading.Condition(threading.RLock())
        self.counter = itertools.count()
        self.in_flight = 0
        self.stopping = False

    # -- the loop ---------------------------------------------------------------------------------------------------

    def execute(self) -> RunResult:
        """Run to the end and say what became of it; only a broken engine raises."""
        emit = self.around.emit
        emit(RunStarted(self.around.run_id))
        with self.changed:
            self._demand(self.targets)
        emit(NodesCached(tuple(self.cached)))
        for target in self.targets:
            if target.state is State.DONE and target.outcome is not None:
                emit(NodeFinished(target.id, target.display_id, target.outcome.ui, 0.0, cached=True))
        while (task := self._next()) is not None:
            self._run(task)
        result = self._result()
        emit(RunFinished(self.around.run_id, result.status))
        return result

    def _next(self) -> Task | None:
        with self.changed:
            while True:
                if self.around.control.cancelled:
                    self.stopping = True
                if self.ready and not self.stopping:
                    return heapq.heappop(self.ready)[2]
                if not self.in_flight:
                    return None
                if self.stopping:
                    self.around.lane.cancel(self.around.run_id)
                self.changed.wait(timeout=0.1)

    def _run(self, task: Task) -> None:
        if not self._prepare(task):
            return
        if task.spec.is_async:
            self._start(task)
            return
        started = time.perf_counter()
        self.around.emit(NodeStarted(task.id, task.display_id))
        shared = self._shared(task)
        try:
            results = [self._call(task, index, call, shared) for index, call in enumerate(calls.arguments(task))]
        except Exception as error:  # noqa: BLE001 - the one border where a node's exception becomes ours
            self._fail(task, translated(error, task), started)
        else:
            self._finish(task, results, shared, started)

    async def _run_async(self, task: Task) -> None:
        started = time.perf_counter()
        self.around.emit(NodeStarted(task.id, task.display_id))
        shared = self._shared(task)
        try:
            pending = [self._call(task, index, call, shared) for index, call in enumerate(calls.arguments(task))]
            results = [item if isinstance(item, Result) else calls.normalise(task.spec, await item) for item in pending]
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(task, translated(error, task), started)
        else:
            self._finish(task, results, shared, started)
        with self.changed:
            self.in_flight -= 1
            self.changed.notify()

    def _call(self, task: Task, index: int, call: dict[str, Any], shared: Shared | None) -> Any:
        spec = task.spec
        stop = calls.blocker(spec, call)
        if stop is not None:
            if stop.message is not None:
                self.around.emit(NodeBlocked(task.id, task.display_id, stop.message))
            return calls.blocked(spec)
        if spec.context:
            call[spec.context] = self._context(task, index, shared)
        returned = spec.function(**call)
        if spec.is_async:
            return self.around.lane.task(self.around.run_id, returned)
        return calls.normalise(spec, returned)

    # -- what a task needs ------------------------------------------------------------------------------------------

    def _demand(self, tasks: Iterable[Task]) -> None:
        stack = list(tasks)
        stack.reverse()
        cache = self.around.cache
        while stack:
            task = stack.pop()
            if task.state is not State.IDLE:
                continue
            outcome = cache.get(task.key) if task.key is not None else None
            if outcome is not None:
                task.settle(outcome, None)
                self.cached.append(task.id)
                continue
            task.state = State.WAITING
            eager = task.eager()
            self._wait_for(task, eager)
            stack.extend(reversed(eager))

    def _wait_for(self, task: Task, others: Iterable[Task]) -> None:
        """Let a task wait for others; those not demanded yet must be by the caller, before the lock is let go."""
        for other in others:
            if other.state is State.DONE and other.outcome is None and other.failure is None:
                other.state = State.IDLE  # its outcome was let go; an expansion reaches back for it
            if other.state is not State.DONE:
                other.consumers.append(task)
                task.waiting += 1
        if not task.waiting:
            self._push(task)

    def _push(self, task: Task) -> None:
        task.state = State.RUNNING if task.state is State.WAITING else task.state
        spec = task.spec
        at_once = spec.is_async and task.state is State.RUNNING and spec.needs is None and not task.late
        if at_once and not self.stopping and not any(self._failures(task)):
            self._start(task)
        else:
            heapq.heappush(self.ready, (task.index, next(self.counter), task))
            self.changed.notify()

    def _start(self, task: Task) -> None:
        self.in_flight += 1
        self.around.lane.start(self._run_async(task))

    def _prepare(self, task: Task) -> bool:
        """Return whether the task's function is to be called now; settle it or let it wait where it is not."""
        if task.state is State.EXPANDED:
            self._collect_expansion(task)
            return False
        with self.changed:
            failure = next((f for f in self._failures(task) if f is not None), None)
            if failure is not None:
                self._settle(task, None, failure)
                return False
            if task.late and task.key is None and self._reuse_late(task):
                return False
        return task.spec.needs is None or self._lazy_ready(task)

    def _failures(self, task: Task) -> Iterable[Failure | None]:
        declared = task.spec.inputs
        yield from (t.failure for n, t in task.sources.items() if not declared[n].catches)
        yield from (writer.failure for writer in task.writers.values())

    def _reuse_late(self, task: Task) -> bool:
        known = {name: calls.values(task, name)[0] for name in task.inputs if calls.values(task, name)}
        self.graph.set_key(task, known)
        outcome = self.around.cache.get(task.key) if task.key is not None else None
        if outcome is None:
            return False
        self.cached.append(task.id)
        self._settle(task, outcome, None)
        return True

    def _lazy_ready(self, task: Task) -> bool:
        """Ask the node which lazy inputs it wants; return whether all of these are there."""
        wanted: set[str] = set()
        try:
            for call in calls.arguments(task):
                wanted.update(self._wanted(task, call))
        except Exception as error:  # noqa: BLE001 - ``needs`` is the node's code, too
            self._fail(task, translated(error, task), time.perf_counter())
            return False
        with self.changed:
            missing = [task.sources[n] for n in task.inputs if n in wanted and n in task.sources]
            missing = [source for source in missing if source.state is not State.DONE]
            if not missing:
                return True
            self._demand(missing)
            task.state = State.WAITING
            self._wait_for(task, missing)
            return False

    def _wanted(self, task: Task, call: Mapping[str, Any]) -> Iterable[str]:
        needs = task.spec.needs
        if needs is None:
            return ()
        parameters = inspect.signature(needs).parameters
        takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
        lazy = {name: None for name, spec in task.spec.inputs.items() if spec.lazy}
        known = {**lazy, **call}
        return needs(**{n: v for n, v in known.items() if takes_all or n in parameters}) or ()

    def _shared(self, task: Task) -> Shared | None:
        spec = task.spec
        if not spec.touches_shared:
            return None
        values = dict(self.around.shared)
        for name, writer in task.writers.items():
            if writer.outcome is not None and name in writer.outcome.writes:
                values[name] = writer.outcome.writes[name]
        reads = frozenset(shared_names(spec.reads, task.inputs))
        return Shared(values, reads, frozenset(shared_names(spec.writes, task.inputs)), task.id)

    def _context(self, task: Task, index: int, shared: Shared | None) -> Context:
        return Context(
            run_id=self.around.run_id,
            node_id=task.id,
            display_id=task.display_id,
            workflow=self.workflow,
            shared=shared or Shared({}, frozenset(), frozenset(), task.id),
            graph_prefix=f"{task.id}.{index}.",
            _control=self.around.control,
            _emit=self.around.emit,
            _services=self.around.services,
        )

    def _fingerprint(self, task: Task, inputs: Mapping[str, Any]) -> Any:
        function = task.spec.fingerprint
        if function is None:
            return None
        parameters = inspect.signature(function).parameters
        takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
        known = {
            name: None if value.__class__ is Link else value
            for name, value in inputs.items()
            if takes_all or name in parameters
        }
        if "context" in parameters:
            known["context"] = self._context(task, 0, None)
        try:
            return function(**known)
        except Exception:  # noqa: BLE001 - the node itself will meet the same fault, and report it where it belongs
            return None

    # -- what becomes of a task -------------------------------------------------------------------------------------

    def _finish(self, task: Task, results: list[Result], shared: Shared | None, started: float) -> None:
        task.seconds += time.perf_counter() - started
        unwritten = set(shared_names(task.spec.writes, task.inputs)) - set(shared.written) if shared else set()
        if unwritten and results:
            message = f"Node {task.id!r} declares that it writes {sorted(unwritten)} and did not."
            self._fail(task, SharedAccessError(message, hint="Write it in every case, None if need be."), started)
            return
        if any(result.expand for result in results):
            self._expand(task, results, started)
            return
        self._succeed(task, calls.collect(task.spec, results, shared.written if shared else {}))

    def _succeed(self, task: Task, outcome: Outcome) -> None:
        if task.key is not None:
            self.around.cache.put(task.key, outcome)
        with self.changed:
            self._settle(task, outcome, None)
        self.around.emit(NodeFinished(task.id, task.display_id, outcome.ui, task.seconds))

    def _fail(self, task: Task, error: InhouseError, started: float) -> None:
        task.seconds += time.perf_counter() - started
        failure = Failure(error, task.id, getattr(error, "partial", None))
        with self.changed:
            caught = self._is_caught(task) and not self.around.control.cancelled
            self.stopping = self.stopping or (isinstance(error, InterruptedRunError) and not caught)
            self._settle(task, None, failure)
        self.around.emit(NodeFailed(task.id, task.display_id, error, caught))

    def _settle(self, task: Task, outcome: Outcome | None, failure: Failure | None) -> None:
        task.settle(outcome, failure)
        for consumer in task.consumers:
            consumer.waiting -= 1
            if not consumer.waiting:
                self._push(consumer)
        task.consumers = []
        self.changed.notify()

    def _is_caught(self, task: Task) -> bool:
        """Whether every way from a failed task to a target passes a node that catches the failure."""
        stack, seen, caught = [task], {task.id}, False
        while stack:
            current = stack.pop()
            if current in self.targets:
                return False
            for consumer in current.consumers:
                catches = [consumer.spec.inputs[n].catches for n, s in consumer.sources.items() if s is current]
                if catches and all(catches):
                    caught = True
                elif consumer.id not in seen:
                    seen.add(consumer.id)
                    stack.append(consumer)
        return caught

    # -- expansion --------------------------------------------------------------------------------------------------

    def _expand(self, task: Task, results: list[Result], started: float) -> None:
        task.calls = results
        task.state = State.EXPANDED
        try:
            made = [child for result in results if result.expand for child in self.graph.expand(task, result.expand)]
            linked = [self.graph.tasks[v.node] for r in results for v in r.values if v.__class__ is Link]
        except (InhouseError, KeyError) as error:
            self._fail(task, translated(error, task), started)
            return
        shown = [child for child in made if child.spec.output_node]
        for child in {id(child): child for child in (*shown, *linked)}.values():
            child.keep = True
        with self.changed:
            self.targets.extend(shown)
            self._demand([*linked, *shown])
            self._wait_for(task, linked)

    def _collect_expansion(self, task: Task) -> None:
        linked = [self.graph.tasks[v.node] for result in task.calls for v in result.values if v.__class__ is Link]
        failure = next((source.failure for source in linked if source.failure is not None), None)
        if failure is not None:
            with self.changed:
                self._settle(task, None, failure)
            return
        slots: list[list[Any]] = [[] for _ in task.spec.outputs]
        for result in task.calls:
            for slot, output, value in zip(slots, task.spec.outputs, result.values, strict=False):
                if value.__class__ is Link:
                    outcome = self.graph.tasks[value.node].outcome
                    slot.extend(outcome.slots[value.slot] if outcome else ())
                elif output.is_list:
                    slot.extend(value)
                else:
                    slot.append(value)
        self._succeed(task, Outcome(slots, calls.merge_ui(result.ui for result in task.calls)))

    # -- the end ----------------------------------------------------------------------------------------------------

    def _result(self) -> RunResult:
        failures = {t.failure.node_id: t.failure for t in self.targets if t.failure is not None}
        stuck = [task for task in self.targets if task.state is not State.DONE]
        if stuck and not self.stopping:
            for task in stuck:
                error = NodeExecutionError(f"Node {task.id!r} waits for a result that waits for it.", node_id=task.id)
                failures[task.id] = Failure(error, task.id)
        interrupted = self.stopping or any(isinstance(f.error, InterruptedRunError) for f in failures.values())
        done = [task for task in self.targets if task.outcome is not None]
        return RunResult(
            run_id=self.around.run_id,
            status="interrupted" if interrupted else "error" if failures else "success",
            outputs={t.id: t.outcome.ui for t in done if t.outcome is not None and t.outcome.ui is not None},
            values={t.id: t.outcome.slots for t in done if t.outcome is not None},
            failures=tuple(failures.values()),
            cached=tuple(self.cached),
            seconds={task.id: task.seconds for task in self.graph.tasks.values() if task.seconds},
        )


def translated(error: Exception, task: Task) -> InhouseError:
    """Return a node's exception as ours, naming the node; ours pass as they are."""
    if isinstance(error, InhouseError):
        error.node_id = error.node_id or task.display_id
        return error
    kind = OutOfMemoryError if isinstance(error, MemoryError) else NodeExecutionError
    where = f"Node {task.display_id} ({task.spec.id})"
    ours = kind(f"{where} failed: {type(error).__name__}: {error}", node_id=task.display_id)
    ours.__cause__ = error
    return ours
