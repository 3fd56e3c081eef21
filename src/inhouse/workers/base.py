"""The port between a gateway and what runs its workflows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from inhouse.engine.events import Event
    from inhouse.errors import WorkerLostError
    from inhouse.files import Folders


Line: TypeAlias = tuple[str, str]
"""A user and one of their clients. A worker runs what stands in one line one after another, in the order given."""


def line_of(user: str, client_id: str | None) -> Line | None:
    """Return the line of a run; None if it stands in none: no client hears of it, so nobody wants an order."""
    return None if client_id is None else (user, client_id)


class Queued(Protocol):
    """Something that may stand in a line."""

    @property
    def line(self) -> Line | None:
        """Its line."""


Q = TypeVar("Q", bound=Queued)


def next_in_line(waiting: Iterable[Q], running: Collection[Line]) -> Q | None:
    """Return the first whose line has nothing running: a worker begins it next, as its gateway knows."""
    return next((item for item in waiting if item.line is None or item.line not in running), None)


@dataclass(frozen=True, slots=True)
class Job:
    """A run as a worker gets it.

    Attributes:
        run_id: the run.
        user: whose it is.
        workflow: JSON of the workflow in the API format.
        extra: JSON of what came with it; ``extra_pnginfo`` goes into the files that nodes write.
        targets: the output nodes to run.
        folders: where its user's files lie.
        scope: within which cached results of output nodes may be reused.
        attempt: 1, or more after a worker died of it.
        client_id: the canvas that asked for it, for packs that talk to it.
        preview: ``none``, ``auto`` or the name of a method; whether steps come with a picture.
        preview_size: the longest side of such a picture, in pixels.

    """

    run_id: str
    user: str
    workflow: str
    extra: str
    targets: tuple[str, ...]
    folders: Folders
    scope: str = ""
    attempt: int = 1
    client_id: str | None = None
    preview: str = "auto"
    preview_size: int = 512

    @property
    def line(self) -> Line | None:
        """The line in which it waits; None if it waits for nobody."""
        return line_of(self.user, self.client_id)


@dataclass(frozen=True, slots=True)
class PackMessage:
    """What a custom pack tells canvases.

    Attributes:
        event: the message's type; an ``int`` means a binary message of that type.
        data: JSON-ready data, or bytes.
        client_id: the canvas it is for; None means all.
        run_id: the run in which it was said, so that nobody hears of another's; None if in none.

    """

    event: str | int
    data: Any
    client_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class PackDescription:
    """A custom pack that a worker loaded, as data.

    Attributes:
        name: of its file or folder.
        nodes: ``object_info`` entry by node id.
        checks: for nodes with a check of their own, the inputs it wants; ``*`` among them means all.
        web: the folder of its scripts for a canvas.
        folder: where it lies (templates and translations are looked for in it).
        problem: why it could not be loaded, wholly or in part; empty if it could.
        watches: folders of files that its nodes list; when one changes, so may the description.

    """

    name: str
    nodes: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    web: Path | None = None
    folder: Path | None = None
    problem: str = ""
    watches: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What a worker says of itself once it is ready.

    Attributes:
        pid: its process.
        devices: ``name``, ``type``, ``index`` and memory in bytes, as ``/system_stats`` shows them.
        versions: of what it runs on, such as ``torch``.
        packs: the custom packs it loaded, and those it could not.
        routes: path of the socket on which routes of custom packs are served; None if there are none.
        endpoints: what is served there: ``(method, path)``, with ``*`` for any method, ``{}`` in a path for one segment
            of it and ``{*}`` for any text.
        changes_prompts: whether packs want to see, and may change, requests to run a workflow.

    """

    pid: int
    devices: Sequence[Mapping[str, Any]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    packs: Sequence[PackDescription] = ()
    routes: Path | None = None
    endpoints: Sequence[tuple[str, str]] = ()
    changes_prompts: bool = False


class Listener(Protocol):
    """Who hears of a worker; always called on the event loop that started it."""

    def happened(self, worker: Worker, run_id: str, events: Sequence[Event]) -> None:
        """These happened in a run, in this order; the last of a run is ``RunFinished``."""

    def told(self, worker: Worker, message: PackMessage) -> None:
        """Pass on what a custom pack has to say."""

    def lost(self, worker: Worker, error: WorkerLostError) -> None:
        """The worker died; whatever it ran did not end. It may be started again."""


class Worker(ABC):
    """Runs several jobs at once, of each line one.

    Attributes:
        name: unique in a gateway; it stays when the worker is started again.
        capacity: how many it runs at once. It takes more, and begins one as another ends: of those whose line has
            nothing running, the one that was given first (``next_in_line``).
        ready: whether it may be given jobs: it was started, and has not died since.
        running: the runs that it has, in the order given; each leaves just before the listener hears of its end.

    """

    def __init__(self, name: str, capacity: int = 1) -> None:
        self.name = name
        self.capacity = capacity
        self.ready = False
        self.running: dict[str, None] = {}

    @property
    def free(self) -> bool:
        """Whether it could begin another job now."""
        return self.ready and len(self.running) < self.capacity

    @abstractmethod
    async def start(self, listener: Listener) -> Description:
        """Become ready, also again after a death.

        Raises:
            WorkerStartError: it cannot.

        """

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Run a job; what happens is told to the listener, to ``RunFinished`` or to the worker's death.

        Raises:
            WorkerLostError: it is not there.

        """

    @abstractmethod
    def cancel(self, run_id: str) -> None:
        """Stop a run at its next step; one that has not begun does not. ``RunFinished`` still comes."""

    @abstractmethod
    async def ask(self, question: str, **details: Any) -> Any:
        """Ask what ``workers.answers`` can answer, also while a job runs.

        Raises:
            WorkerLostError: it died meanwhile.

        """

    @abstractmethod
    async def close(self, grace: float) -> None:
        """Let running jobs end for ``grace`` seconds, then end them and the worker."""
