"""Narration: what happens in a run, told as ComfyUI's clients expect to hear it, and kept as its history."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.compat.messages import Message, PlainPreviewMessage, PreviewMessage, TextMessage
from inhouse.compat.node_places import Places
from inhouse.compat.plain_json import number, plain
from inhouse.compat.progress_state import ProgressState
from inhouse.engine.events import (
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodesCached,
    NodeStarted,
    Picture,
    RunFinished,
    RunStarted,
)
from inhouse.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from inhouse.compat.node_places import Place
    from inhouse.engine.events import Event
    from inhouse.errors import InhouseError

_FILE_KINDS = ("output", "temp")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, JSON-ready.

    Attributes:
        status: ``success``, ``error`` or ``interrupted``.
        outputs: what its nodes show, by id.
        history_status: how it ended and what was told on the way.
        meta: which node of the workflow each output belongs to.
        artifacts: node id, kind, subfolder and name of each file that is shown.

    """

    status: str
    outputs: Mapping[str, Any]
    history_status: Mapping[str, Any]
    meta: Mapping[str, Any]
    artifacts: tuple[tuple[str, str, str, str], ...]


@dataclass(slots=True)
class _Failed:
    """The failure that ends the run."""

    place: Place
    event: NodeFailed | None
    error: InhouseError


class Narrator:
    """Turns the events of one run into messages.

    Args:
        run_id: the run.
        client_id: the canvas that asked for it; None if nobody did.
        document: its workflow in the API format.

    """

    def __init__(self, run_id: str, client_id: str | None, document: Mapping[str, Any]) -> None:
        self.run_id = run_id
        self.client_id = client_id
        self._document = document
        self._progress = ProgressState(run_id)
        self._places = Places(document)
        self._running: dict[str, None] = {}
        self._executed: dict[str, None] = {}
        self._cached: dict[str, Any] | None = None
        self._outputs: dict[str, Any] = {}
        self._meta: dict[str, Any] = {}
        self._told: list[list[Any]] = []
        self._failed: _Failed | None = None
        self._caught: _Failed | None = None
        self._status = ""
        self._hear: dict[type[Any], Callable[[Any], list[Message]]] = {
            RunStarted: self._started,
            NodesCached: self._nodes_cached,
            NodeStarted: self._node_started,
            NodeProgress: self._node_progress,
            NodeFinished: self._node_finished,
            NodeBlocked: self._node_blocked,
            NodeFailed: self._node_failed,
            RunFinished: self._finished,
        }

    @property
    def running(self) -> str | None:
        """The node that runs now, for a client that comes back."""
        return next(reversed(self._running), None)

    @property
    def done(self) -> int:
        """How many nodes are done, those included that did not have to run."""
        return len(self._progress.finished.union(self._cached["nodes"] if self._cached else ()))

    @property
    def progress(self) -> list[dict[str, Any]]:
        """How far each node is that runs now, as clients are told."""
        return self._progress.running

    @property
    def status(self) -> str:
        """How the run ended: ``success``, ``error`` or ``interrupted``; until it has, ``error``."""
        return self._status or "error"

    def hear(self, event: Event) -> list[Message]:
        """Return what to tell of an event."""
        return self._hear[event.__class__](event)

    def lost(self, error: InhouseError, status: str = "error") -> list[Message]:
        """Return what to tell when no more events will come: the run's worker died.

        Args:
            error: what happened to it.
            status: ``error``, or ``interrupted`` if somebody wanted the run to stop anyway.

        """
        if self._failed is None:
            self._failed = _Failed(self._places.culprit(self.running), None, error)
        return self._finished(RunFinished(self.run_id, status))

    def conclusion(self) -> Ended:
        """Return how the run ended; until it has, what there is so far."""
        status = self.status
        success = status == "success"
        return Ended(
            status=status,
            outputs=self._outputs,
            history_status={
                "status_str": "success" if success else "error",
                "completed": success,
                "messages": self._told,
            },
            meta=self._meta,
            artifacts=tuple(_artifacts(self._outputs)),
        )

    # -- events --------------------------------------------------------------------------------------------------------

    def _started(self, _event: RunStarted) -> list[Message]:
        return [self._tell("execution_start", {"prompt_id": self.run_id, "timestamp": _now()})]

    def _nodes_cached(self, event: NodesCached) -> list[Message]:
        nodes = self._places.with_sources(event.node_ids)
        if self._cached is not None:  # found later, when the values that its key takes were there
            known = self._cached["nodes"]
            nodes = [node for node in nodes if node not in known]
            known += nodes
            return [self._message("execution_cached", {**self._cached, "nodes": nodes})] if nodes else []
        self._cached = {"nodes": nodes, "prompt_id": self.run_id, "timestamp": _now()}
        self._told.append(["execution_cached", self._cached])
        return [self._message("execution_cached", {**self._cached, "nodes": list(nodes)})]

    def _node_started(self, event: NodeStarted) -> list[Message]:
        place = self._places.of(event.node_id, event.display_id)
        self._running[event.node_id] = None
        state = self._progress.update(place, 0.0, 1.0, "running")
        data = {"node": place.node_id, "display_node": place.display_id, "prompt_id": self.run_id}
        return [state, self._message("executing", data)]

    def _node_progress(self, event: NodeProgress) -> list[Message]:
        place = self._places.of(event.node_id, event.display_id)
        value, total = number(event.value), number(event.total)
        state = self._progress.update(place, value, total, "running", droppable=True)
        data = {"value": value, "max": total, "prompt_id": self.run_id, "node": event.node_id}
        progress = TextMessage("progress", data, to_all_without_client=True, droppable=True)
        if not isinstance(event.preview, Picture):
            return [state, progress]
        about = {
            "node_id": place.node_id,
            "prompt_id": self.run_id,
            "display_node_id": place.display_id,
            "parent_node_id": place.parent_id,
            "real_node_id": place.real_id,
        }
        return [state, PreviewMessage(event.preview, about), progress, PlainPreviewMessage(event.preview)]

    def _node_finished(self, event: NodeFinished) -> list[Message]:
        place = self._places.of(event.node_id, event.display_id)
        self._running.pop(event.node_id, None)
        if not event.cached:
            self._executed[event.node_id] = None
        messages: list[Message] = []
        if event.ui is not None:
            shown = self._outputs[place.node_id] = plain(event.ui)
            self._meta[place.node_id] = {
                "node_id": place.node_id,
                "display_node": place.display_id,
                "parent_node": place.parent_id,
                "real_node_id": place.real_id,
            }
            data = {
                "node": place.node_id,
                "display_node": place.display_id,
                "output": shown,
                "prompt_id": self.run_id,
            }
            messages.append(self._message("executed", data))
        messages.append(self._progress.finish(place, cached=event.cached))
        return messages

    def _node_blocked(self, event: NodeBlocked) -> list[Message]:
        place = self._places.of(event.node_id, event.display_id)
        data = {
            "prompt_id": self.run_id,
            "node_id": place.real_id,
            "node_type": self._places.type_of(place.real_id),
            "executed": list(self._executed),
            "exception_message": f"Execution Blocked: {event.message}",
            "exception_type": "ExecutionBlocked",
            "traceback": [],
            "current_inputs": [],
            "current_outputs": [],
        }
        return [self._message("execution_error", data)]

    def _node_failed(self, event: NodeFailed) -> list[Message]:
        """Keep what ends the run: it is told last, as other outputs may still be made."""
        place = self._places.of(event.node_id, event.display_id)
        self._running.pop(event.node_id, None)
        if event.caught:
            self._caught = _Failed(place, event, event.error)
            return [self._progress.finish(place)]
        if self._failed is None or isinstance(event.error, InterruptedRunError):
            self._failed = _Failed(place, event, event.error)
        return []

    def _finished(self, event: RunFinished) -> list[Message]:
        self._status = event.status
        self._failed = self._failed or self._caught  # what was caught can reach an output by another way
        match event.status:
            case "success":
                return [self._tell("execution_success", {"prompt_id": self.run_id, "timestamp": _now()})]
            case "interrupted":
                data = {**self._where(), "timestamp": _now()}
                return [self._tell("execution_interrupted", data, to_all_without_client=True)]
        return [self._tell("execution_error", plain(self._error()))]

    # -- parts of messages ---------------------------------------------------------------------------------------------

    def _where(self) -> dict[str, Any]:
        place = self._failed.place if self._failed is not None else self._places.culprit(self.running)
        return {
            "prompt_id": self.run_id,
            "node_id": place.real_id,
            "node_type": self._places.type_of(place.real_id),
            "executed": list(self._executed),
        }

    def _error(self) -> dict[str, Any]:
        failed = self._failed
        said, kind, frames, inputs = "The run failed.", "RuntimeError", [], {}
        if failed is not None:
            said, kind = str(failed.error), type(failed.error).__name__
            event = failed.event
            if event is not None:
                inputs = dict(event.inputs)
            if event is not None and event.raised is not None:
                kind, frames = event.raised.kind, list(event.raised.traceback)
                if not kind.startswith("inhouse."):  # ours say what to do next, too
                    said = event.raised.message
        return {
            **self._where(),
            "exception_message": f"{said}\n",
            "exception_type": kind,
            "traceback": frames,
            "current_inputs": inputs,
            "current_outputs": list(self._document),
            "timestamp": _now(),
        }

    def _message(self, kind: str, data: Mapping[str, Any], *, to_all_without_client: bool = False) -> Message:
        return TextMessage(kind, data, to_all_without_client=to_all_without_client)

    def _tell(self, kind: str, data: Mapping[str, Any], *, to_all_without_client: bool = False) -> Message:
        """Return a message that history keeps, too."""
        self._told.append([kind, data])
        return self._message(kind, data, to_all_without_client=to_all_without_client)


def _artifacts(outputs: Mapping[str, Any]) -> Iterable[tuple[str, str, str, str]]:
    for node_id, ui in outputs.items():
        for shown in ui.values() if isinstance(ui, dict) else ():
            for item in shown if isinstance(shown, list | tuple) else ():
                if isinstance(item, dict) and isinstance(item.get("filename"), str) and item.get("type") in _FILE_KINDS:
                    yield node_id, item["type"], str(item.get("subfolder") or ""), item["filename"]


def _now() -> int:
    return int(time.time() * 1000)
