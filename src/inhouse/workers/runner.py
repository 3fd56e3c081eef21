"""The runner: the threads that run jobs, whichever process they live in."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from inhouse.backends.compute import Compute
from inhouse.compat.prompt import read_prompt
from inhouse.engine.control import Control
from inhouse.engine.engine import Engine
from inhouse.engine.events import NodeFailed, NodeProgress, RunFinished, RunStarted
from inhouse.errors import InhouseError, InternalError, WorkflowFormatError, WorkflowInvalidError
from inhouse.files import Claims, Folders
from inhouse.workers.base import next_in_line
from inhouse.workers.preview import Previews
from inhouse.workers.session import choice_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from inhouse.engine.events import Event
    from inhouse.engine.task import Failure
    from inhouse.engine.workflow import Workflow
    from inhouse.workers.base import Job, Line
    from inhouse.workers.session import Session

_LOG = logging.getLogger(__name__)


class Runner:
    """Runs jobs, each in a thread of its own and of each line one; all of them share one cache and one turn.

    Args:
        session: nodes, models and cache.
        claims: the folder in which it is noted which file names a run holds.
        tell: called in those threads, and in others that nodes start, with a run's id and what happened in it. No job
            that waits for a run's end begins before its end is told.
        congested: whether pictures had better be left out.
        at_once: how many jobs are on their way at once.

    """

    def __init__(
        self,
        session: Session,
        claims: Path,
        tell: Callable[[str, Event], None],
        congested: Callable[[], bool] = lambda: False,
        at_once: int = 1,
    ) -> None:
        self.session = session
        self._claims = claims
        self._tell = tell
        self._congested = congested
        self._at_once = at_once
        self._controls: dict[str, Control] = {}
        self._waiting: list[Job] = []
        self._lines: set[Line] = set()
        """Those in which something runs."""
        self._idle = 0
        self._closed = False
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []

    def submit(self, job: Job) -> None:
        """Run a job as soon as its turn comes; its last event is ``RunFinished``, whatever happens."""
        with self._change:
            self._controls[job.run_id] = Control()
            self._waiting.append(job)
            if len(self._waiting) > self._idle and len(self._threads) < self._at_once:
                name = f"inhouse-run-{len(self._threads) + 1}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
            self._change.notify()

    def cancel(self, run_id: str) -> None:
        """Stop a run; one that has not begun does not, and all that is told of it is its end."""
        with self._change:
            waiting = next((job for job in self._waiting if job.run_id == run_id), None)
            control = self._controls.get(run_id)
            if waiting is not None:
                self._waiting.remove(waiting)
                del self._controls[run_id]
        if waiting is not None:
            self._tell(run_id, RunFinished(run_id, "interrupted"))
        elif control is not None:
            control.cancel()

    def close(self, seconds: float | None = None) -> bool:
        """Run what was submitted and end the threads; return whether they ended within this time."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        end = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @cached_property
    def _compute(self) -> Compute:
        """What to compute on, found out when the first job comes."""
        return self.session.engine.services.get(Compute) or self.session.compute()

    def _work(self) -> None:
        host = self.session.custom.host if self.session.custom is not None else None
        while (job := self._next()) is not None:
            if host is not None:
                host.enter(job.run_id, job.client_id)
            self._run(job)
            if host is not None:
                host.leave(job.run_id)
            if job.line is not None:
                with self._change:
                    self._lines.discard(job.line)
                    if self._waiting:
                        self._change.notify()

    def _next(self) -> Job | None:
        """Wait for a job that may begin, and take it; None when there will be none."""
        with self._change:
            while (job := next_in_line(self._waiting, self._lines)) is None:
                if self._closed and not self._waiting:
                    self._change.notify_all()
                    return None
                self._idle += 1
                self._change.wait()
                self._idle -= 1
            self._waiting.remove(job)
            if job.line is not None:
                self._lines.add(job.line)
            return job

    def _run(self, job: Job) -> None:
        report = _Report(job, self._tell, self._congested)
        try:
            with Engine(
                self.session.registry.with_sources(
                    {"input": choice_sources(self.session.catalogue, job.folders)["input"]}
                ),
                cache=self.session.engine.cache,
                services={
                    Compute: self._compute,
                    **self.session.engine.services,
                    Folders: replace(job.folders, claims=Claims(self._claims, job.run_id)),
                },
                scope=job.scope,
                turn=self.session.engine.turn,
            ) as engine:
                result = engine.run(
                    _workflow(job),
                    targets=job.targets,
                    emit=report,
                    control=self._controls[job.run_id],
                    run_id=job.run_id,
                )
            report.account(result.failures)
        except InhouseError as error:
            report.refuse(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread goes on and the run has an end
            _LOG.exception("Run %s ended in a way that it should not.", job.run_id)
            report.refuse(InternalError(f"The run ended unexpectedly: {type(error).__name__}: {error}"))
        finally:
            del self._controls[job.run_id]
            report.finish()


class _Report:
    """What is told of one run: pictures are made here, and the end is told once, and last."""

    def __init__(self, job: Job, tell: Callable[[str, Event], None], congested: Callable[[], bool]) -> None:
        self._run_id = job.run_id
        self._tell = tell
        self._previews = Previews(job.preview_size, lambda: job.preview != "none" and not congested())
        self._started = False
        self._failed: set[str] = set()
        self._end: RunFinished | None = None
        self._closed = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self._end = event
            return
        if isinstance(event, NodeProgress):
            event = self._previews.rendered(event)
        elif isinstance(event, RunStarted):
            self._started = True
        elif isinstance(event, NodeFailed) and not event.caught:
            self._failed.add(event.node_id)
        if not self._closed:  # a thread that a node left behind has nothing more to say
            self._tell(self._run_id, event)

    def account(self, failures: Sequence[Failure]) -> None:
        """Tell of failures that no event told: of a node that waits for itself, and one that was caught elsewhere."""
        for failure in failures:
            if failure.node_id not in self._failed:
                node_id = failure.error.node_id or failure.node_id
                self(NodeFailed(failure.node_id, node_id, failure.error, caught=False))

    def refuse(self, error: InhouseError) -> None:
        """Tell of a run that could not run: for each node at fault that it failed."""
        if not self._started:
            self(RunStarted(self._run_id))
        for culprit in _culprits(error):
            node_id = culprit.node_id or ""
            self(NodeFailed(node_id, node_id, culprit, caught=False))
        self._end = RunFinished(self._run_id, "error")

    def finish(self) -> None:
        """Tell the end."""
        self._closed = True
        self._tell(self._run_id, self._end or RunFinished(self._run_id, "error"))


def _culprits(error: InhouseError) -> Iterator[InhouseError]:
    """Yield an error for each node at fault."""
    if not isinstance(error, WorkflowInvalidError):
        yield error
        return
    for fault in error.faults:
        one = WorkflowInvalidError([fault])
        one.node_id, one.input_name = fault.node_id or None, fault.input_name or None
        yield one


def _workflow(job: Job) -> Workflow:
    extra = _parsed(job.extra) if job.extra else {}
    documents = extra.get("extra_pnginfo") if isinstance(extra, dict) else None
    documents = documents if isinstance(documents, dict) else {}
    return read_prompt(_parsed(job.workflow), documents, lenient=True)  # what no target needs was accepted as it is


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(text)  # it knows NaN, and halves of surrogate pairs
    except ValueError as error:
        raise WorkflowFormatError(f"The workflow is no JSON: {error}.", hint="Submit it again.") from error
