"""Calls of a service, and what answers them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from inhouse.errors import ServiceConflictError
from inhouse.models.signature import Field
from inhouse.workers.replicas.messages import Blob, Encoding, Value

State: TypeAlias = Literal["unloaded", "loading", "ready", "failed"]


@dataclass(slots=True)
class Call:
    """One request to a service, after its values were checked.

    Attributes:
        service: its name.
        user: who asks.
        rows: how many rows it has; 1 where no field has rows.
        inputs: by field, defaults filled in.
        deadline: until when its work must have begun, on the event loop's clock; infinity for no end.
        encoding: how outputs are wanted.
        parameters: of a stream or a run, beside the fields.
        version: the version asked for; None for what the service's routing says.
        id: what the client calls it; empty for nothing.
        sticky: what decides, other than chance, whether the canary gets it; the same text always goes the same way.

    """

    service: str
    user: str
    rows: int
    inputs: Mapping[str, Value]
    deadline: float = float("inf")
    encoding: Encoding = "json"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    id: str = ""
    sticky: str = ""


@dataclass(slots=True)
class Answer:
    """What a service answers.

    Attributes:
        outputs: by field: bytes of JSON ready to be sent, or a ``Blob``, as the call wanted them.
        version: which version answered.
        seconds: computing it took, without waiting.
        waited: seconds before that.

    """

    outputs: Mapping[str, bytes | Blob]
    version: int
    seconds: float = 0.0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Card:
    """What a version of a service says of itself.

    Attributes:
        fields_in: what it takes.
        fields_out: what it gives.
        task: as `inhouse.models.artifact.Artifact` has it; ``workflow`` for a workflow.
        description: a sentence.
        streams: whether it can be asked for a stream.
        max_batch: the most rows of one call.

    """

    fields_in: Sequence[Field]
    fields_out: Sequence[Field]
    task: str
    description: str = ""
    streams: bool = False
    max_batch: int = 1


class Target(ABC):
    """Answers the calls of one version: replicas of a model, a workflow's runs, or an endpoint elsewhere."""

    card: Card
    state: State = "unloaded"

    @abstractmethod
    async def load(self) -> None:
        """Become ready: loaded and warmed up. Whoever calls while it is loading waits for the same.

        Raises:
            ServiceError: it cannot; why is said.

        """

    @abstractmethod
    async def unload(self) -> None:
        """Let calls end, and give the memory back."""

    @abstractmethod
    async def call(self, call: Call) -> Answer:
        """Answer a call.

        Raises:
            OverloadedError: it could not be begun before its deadline, or too many wait.
            DeadlineError: its time was over before it was begun.
            InhouseError: it failed.

        """

    def stream(self, call: Call) -> AsyncIterator[Mapping[str, Any]]:
        """Answer a call piece by piece, JSON-ready; closing the iterator stops the work.

        Raises:
            ServiceConflictError: it does not stream.

        """
        raise ServiceConflictError(f"Service {call.service!r} does not stream.", hint="Ask for the whole answer.")

    @property
    def nbytes(self) -> int:
        """How many bytes of memory it takes now."""
        return 0

    @property
    def wanted(self) -> int:
        """How many bytes of memory it will take once it is loaded, as far as anybody can say before."""
        return 0

    @property
    def stats(self) -> Mapping[str, Any]:
        """What it knows of itself, JSON-ready: replicas, restarts, waiting rows, batches, mean rows a batch, ..."""
        return {}
