"""What happens during a run, as data; terminals and sockets render it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inhouse.errors import InhouseError


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The workflow is valid and its first node is about to run."""

    run_id: str


@dataclass(frozen=True, slots=True)
class NodesCached:
    """These nodes' results were there already."""

    node_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """A node runs. ``display_id`` is the node that the user knows, where an expansion made this one."""

    node_id: str
    display_id: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture, as it crosses from process to process."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class NodeProgress:
    """A node did ``value`` of ``total`` steps.

    ``preview`` makes a picture of what it has so far, an (H, W, 3) uint8 array; whoever wants one calls it at once, and
    a run that nobody watches makes none. From another process it comes as a ``Picture``.
    """

    node_id: str
    display_id: str
    value: float
    total: float
    preview: Callable[[], Any] | Picture | None = None


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """A node is done. ``ui`` is what it shows; ``cached`` tells that it showed it in an earlier run."""

    node_id: str
    display_id: str
    ui: Mapping[str, Any] | None
    seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception, as it crosses from process to process.

    Attributes:
        kind: its class; with its module where that is not Python's own.
        message: what it says; may be empty.
        traceback: a text for each frame, the innermost last; files are named from the folder that the machine's Python
            finds them in, as it is nobody's business where that lies.

    """

    kind: str
    message: str
    traceback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """A node failed; ``caught`` tells that another node handles it.

    ``inputs`` has what the node was given: literals as they are, everything else as text. ``raised`` is what the node's
    own code raised, where that was it.
    """

    node_id: str
    display_id: str
    error: InhouseError
    caught: bool
    inputs: Mapping[str, list[Any]] = field(default_factory=dict)
    raised: Raised | None = None


@dataclass(frozen=True, slots=True)
class NodeBlocked:
    """A node did not run because an input holds a blocker that has something to say."""

    node_id: str
    display_id: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over: ``success``, ``error`` or ``interrupted``."""

    run_id: str
    status: str


Event = RunStarted | NodesCached | NodeStarted | NodeProgress | NodeFinished | NodeFailed | NodeBlocked | RunFinished
Emit = Callable[[Event], None]
