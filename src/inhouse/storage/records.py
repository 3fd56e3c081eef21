"""What storage keeps of a run. Workflows and results are JSON texts here: storage does not look into them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes any more."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class Submission:
    """A run as it is accepted.

    Attributes:
        id: unique among all runs.
        user: whose it is.
        number: its place among the user's runs of equal priority; the lowest goes first.
        priority: higher goes first; compared within a user only.
        workflow: JSON of the workflow in the API format.
        extra: JSON of what came with it (``extra_data``).
        targets: the output nodes to run.
        client_id: the socket that hears of it; None if nobody's.
        idempotency_key: what the client calls the request, unique for each user; None if it did not.
        digest: hash of the request, which tells a repeated request from another one under the same key.
        created: seconds since the epoch.

    """

    id: str
    user: str
    number: float
    workflow: str
    extra: str = "{}"
    targets: tuple[str, ...] = ()
    priority: int = 0
    client_id: str | None = None
    idempotency_key: str | None = None
    digest: str = ""
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a run made.

    Attributes:
        node_id: the node that shows it.
        kind: ``output`` or ``temp``.
        subfolder: below the user's folder of that kind; empty for none.
        filename: its name there.
        bytes: its size.

    """

    node_id: str
    kind: str
    subfolder: str
    filename: str
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What became of a run.

    Attributes:
        run_id: the run.
        state: a final one.
        finished: seconds since the epoch.
        outputs: JSON of what its output nodes show, by node id.
        status: JSON of how it ended and what was told on the way (history's ``status``).
        meta: JSON of which node each output belongs to (history's ``meta``).
        artifacts: the files it made.
        worker: the last that had it; None, like the next two, for what is stored of that already.
        attempts: how many had it.
        started: when the last got it.

    """

    run_id: str
    state: RunState
    finished: float
    outputs: str = "{}"
    status: str = "{}"
    meta: str = "{}"
    artifacts: tuple[Artifact, ...] = ()
    worker: str | None = None
    attempts: int | None = None
    started: float | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """All that is stored of a run; see ``Submission`` and ``Conclusion`` for what the fields mean.

    ``sequence`` grows with each accepted run. ``attempts`` counts the workers that the run was given to; ``worker`` is
    the last of them, and holds it until ``leased_until``.
    """

    sequence: int
    submission: Submission
    state: RunState
    attempts: int = 0
    worker: str | None = None
    leased_until: float | None = None
    started: float | None = None
    conclusion: Conclusion | None = None
