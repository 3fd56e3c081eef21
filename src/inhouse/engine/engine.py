"""The engine: runs workflows. Two of them in one process do not know of each other."""

from __future__ import annotations

import uuid
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from inhouse.engine.cache import Cache
from inhouse.engine.control import Control
from inhouse.engine.events import RunFinished, RunStarted
from inhouse.engine.lane import AsyncLane
from inhouse.engine.result import RunResult
from inhouse.engine.run import Run
from inhouse.engine.surroundings import Surroundings
from inhouse.engine.turn import Seat, Turn
from inhouse.engine.validation import Validation, validate
from inhouse.errors import WorkflowInvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.engine.events import Emit, Event
    from inhouse.engine.registry import Registry
    from inhouse.engine.workflow import Workflow

CACHE_BYTES = 2 * 1024**3
"""How much an engine remembers unless told otherwise."""


class Engine:
    """Runs workflows, one for each thread that calls it; close it, or use it as a context manager.

    Args:
        registry: the nodes it knows.
        cache: where results are kept between runs; by default 2 GiB of its own.
        services: what nodes may ask their context for, by type.
        scope: whose results output nodes may reuse. What an output node does (a file in somebody's folder) is no
            part of its value, so engines that share a cache share its results only within one scope.
        turn: kept by whichever run executes nodes that are not asynchronous; by default the engine's own, so that its
            runs do so one at a time. Engines may share one.

    """

    def __init__(
        self,
        registry: Registry,
        *,
        cache: Cache | None = None,
        services: Mapping[type[Any], Any] | None = None,
        scope: str = "",
        turn: Turn | None = None,
    ) -> None:
        self.registry = registry
        self.cache = Cache(CACHE_BYTES) if cache is None else cache
        self.services = MappingProxyType(dict(services or {}))
        self.scope = scope
        self.turn = Turn() if turn is None else turn
        self._lane = AsyncLane()

    def validate(self, workflow: Workflow, targets: Sequence[str] | None = None) -> Validation:
        """Check a workflow without running anything; see ``validation.validate``."""
        return validate(workflow, self.registry, targets)

    def run(
        self,
        workflow: Workflow,
        *,
        targets: Sequence[str] | None = None,
        emit: Emit | None = None,
        control: Control | None = None,
        shared: Mapping[str, Any] | None = None,
        run_id: str = "",
        skip_faulty: bool = False,
    ) -> RunResult:
        """Run a workflow and return what became of it; a node's failure is in the result, not raised.

        Args:
            workflow: what to run.
            targets: the nodes whose results are wanted; None means every output node.
            emit: called with each event, from whichever thread it happens in.
            control: lets somebody else stop the run.
            shared: what ``context.shared`` holds at the start.
            run_id: a name for the run; one is made up if empty.
            skip_faulty: run the outputs that are sound although others are not.

        Raises:
            WorkflowInvalidError: validation found faults; nothing ran.

        """
        control = control or Control()
        emit = emit or _nobody_listens
        seat = Seat(run_id or uuid.uuid4().hex, control)
        try:
            if not self.turn.take(seat):
                return _not_begun(seat, emit)
            validation = self.validate(workflow, targets)
            if validation.faults and not (skip_faulty and validation.targets):
                raise WorkflowInvalidError(validation.faults)
            surroundings = Surroundings(
                workflow=workflow,
                registry=self.registry,
                cache=self.cache,
                lane=self._lane,
                turn=self.turn,
                seat=seat,
                services=self.services,
                control=control,
                emit=emit,
                run_id=seat.run_id,
                scope=self.scope,
                shared=MappingProxyType(dict(shared or {})),
            )
            return Run(validation, surroundings).execute()
        finally:
            self.turn.give(seat)

    def close(self) -> None:
        """End the engine's own thread, if it started one."""
        self._lane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _not_begun(seat: Seat, emit: Emit) -> RunResult:
    """Tell of a run that was asked to stop before its turn came."""
    seat.control.take()
    emit(RunStarted(seat.run_id))
    emit(RunFinished(seat.run_id, "interrupted"))
    return RunResult(seat.run_id, "interrupted")


def _nobody_listens(event: Event) -> None:
    """Let an event pass."""
