"""What a gateway and its worker's process say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.engine.events import Event
    from inhouse.errors import InhouseError
    from inhouse.workers.base import Description, Job, PackMessage
    from inhouse.workers.config import WorkerConfig


@dataclass(frozen=True, slots=True)
class Begin:
    """To the worker: its name, and what it is to be; the first word."""

    name: str
    config: WorkerConfig


@dataclass(frozen=True, slots=True)
class Run:
    """To the worker: run a job."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the worker: stop a run at its next step."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """To the worker: a question; its number comes back with the answer."""

    number: int
    question: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leave:
    """To the worker: end, now that nothing runs."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From the worker: it may be given jobs."""

    description: Description


@dataclass(frozen=True, slots=True)
class Unready:
    """From the worker: it cannot be what it is to be."""

    error: InhouseError


@dataclass(frozen=True, slots=True)
class Happened:
    """From the worker: these happened in a run, in this order."""

    run_id: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """From the worker: a custom pack has something to say."""

    message: PackMessage


@dataclass(frozen=True, slots=True)
class Answer:
    """From the worker: the answer to a question."""

    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """From the worker: a question has no answer."""

    number: int
    error: InhouseError


@dataclass(frozen=True, slots=True)
class Beat:
    """From the worker: it lives."""


Message = Begin | Run | Cancel | Ask | Leave | Ready | Unready | Happened | Told | Answer | Refusal | Beat
