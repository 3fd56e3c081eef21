"""A live run: one that a worker has, as the gateway sees it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from inhouse.compat.narration import Narrator
from inhouse.engine.events import RunFinished
from inhouse.server.metrics import workflow_label
from inhouse.storage.records import Artifact, Conclusion, RunState, Submission

if TYPE_CHECKING:
    import asyncio

    from inhouse.engine.events import Event
    from inhouse.server.fair_queue import Waiting
    from inhouse.workers.base import Line, PackMessage

_STATES = {"success": RunState.SUCCESS, "error": RunState.ERROR, "interrupted": RunState.CANCELLED}


@dataclass(slots=True, eq=False)
class LiveRun:
    """A run that a worker has.

    Attributes:
        waiting: its place in the queue, should it go back there.
        submission: what runs.
        narrator: turns what happens into messages and history.
        started: when it began, seconds since the epoch.
        worker: who has it; empty while it is still to be given.
        loaded: somebody sees to it that it is given, or did.
        begun: its worker may have begun it; till then it waits, for whoever asks, and costs nothing.
        leasing: writes down who has it, if the run lasts long enough.
        cancelled: somebody asked for it to stop.
        ahead: set until the run before this one in its line is stored: till then nothing is told of this one, so that
            a client hears of one end before the next start.
        held: what happened meanwhile.

    """

    waiting: Waiting
    submission: Submission
    narrator: Narrator
    started: float
    worker: str = ""
    loaded: bool = False
    begun: bool = False
    leasing: asyncio.TimerHandle | None = None
    cancelled: bool = False
    ahead: asyncio.Future[Any] | None = None
    held: list[Event | PackMessage] = field(default_factory=list)
    document: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.waiting.run_id

    @property
    def line(self) -> Line | None:
        """The line in which it stands."""
        return self.waiting.line

    @property
    def given(self) -> bool:
        """Whether a worker has it."""
        return bool(self.worker)

    @property
    def over(self) -> bool:
        """Whether it has ended, of which at most nobody was told yet."""
        return any(isinstance(word, RunFinished) for word in self.held)

    @classmethod
    def loading(cls, waiting: Waiting) -> LiveRun:
        """Return what stands for a run whose workflow is being read from storage."""
        nothing = Submission(waiting.run_id, waiting.user, waiting.rank[1], "{}")
        return cls(waiting, nothing, Narrator(waiting.run_id, None, {}), time.time())

    @classmethod
    def begin(cls, waiting: Waiting, submission: Submission) -> LiveRun:
        """Return a run as it goes to a worker."""
        document = orjson.loads(submission.workflow)
        narrator = Narrator(submission.id, submission.client_id, document)
        return cls(waiting, submission, narrator, time.time(), document=document, label=workflow_label(document))

    def node_type(self, node_id: str) -> str:
        """Return the class of a node, empty if the workflow does not have it."""
        node = self.document.get(node_id)
        return str(node.get("class_type", "")) if isinstance(node, Mapping) else ""

    def conclusion(self) -> Conclusion:
        """Return what to store now that the run is over."""
        ended = self.narrator.conclusion()
        state = _STATES[ended.status]
        return Conclusion(
            run_id=self.submission.id,
            state=state,
            finished=time.time(),
            outputs=orjson.dumps(ended.outputs).decode(),
            status=orjson.dumps(ended.history_status).decode(),
            meta=orjson.dumps(ended.meta).decode(),
            artifacts=tuple(Artifact(*artifact) for artifact in ended.artifacts),
            worker=self.worker or None,
            attempts=self.waiting.deaths + 1 if self.worker else None,
            started=self.started if self.worker else None,
        )
