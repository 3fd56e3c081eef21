"""A profile: where the time and the memory of a run go, by node and by stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from inhouse.backends.memory import Memory, memory_of
from inhouse.backends.residency import Residency
from inhouse.engine.events import NodeFailed, NodeFinished, NodeProgress, NodesCached, NodeStarted

if TYPE_CHECKING:
    from inhouse.backends.residency import Resident
    from inhouse.engine.events import Event

N = TypeVar("N")

LOAD = "load"
"""The stage in which weights are brought into memory."""


@dataclass(slots=True)
class Span:
    """Something that took time.

    Attributes:
        node_id: the node that it was part of.
        stage: what it was, such as ``load``, ``text``, ``steps``, ``vae``; empty for the node as a whole.
        start: seconds since the profile began.
        seconds: how long it took.
        peak_bytes: the most memory that was in use above what was at its start; None where that cannot be measured.

    """

    node_id: str
    stage: str
    start: float
    seconds: float = 0.0
    peak_bytes: int | None = None


@dataclass
class Profile:
    """Records what a run does: hand it the run's events, and have `ProfiledResidency` tell it of networks.

    Attributes:
        memory: where bytes are measured.
        clock: seconds, rising.
        spans: what took time, in the order in which it began.
        steps: for each node the moments, in seconds since the profile began, at which it had done another step.
        cached: the nodes whose result was there already.

    """

    memory: Memory = field(default_factory=lambda: memory_of("cpu"))
    clock: Callable[[], float] = time.perf_counter
    spans: list[Span] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._lock = threading.RLock()
        self._open: dict[int, list[tuple[Span, int | None]]] = {}
        self._mark = self.memory.mark()

    def __call__(self, event: Event) -> None:
        """Take note of an event; in the thread in which it happens."""
        with self._lock:
            if isinstance(event, NodeStarted):
                self._begin(Span(event.node_id, "", self._now()))
            elif isinstance(event, NodeProgress):
                self.steps.setdefault(event.node_id, []).append(self._now())
            elif isinstance(event, NodeFinished | NodeFailed):
                self._end(event.node_id)
            elif isinstance(event, NodesCached):
                self.cached.extend(event.node_ids)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Record what is inside as a stage of the node that runs in this thread; a stage has no stages."""
        with self._lock:
            node = self._current()
            if node is not None:
                self._begin(Span(node.node_id, name, self._now()))
        try:
            yield
        finally:
            if node is not None:
                with self._lock:
                    self._end(node.node_id)

    def as_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-ready data: what each node and each stage took in all."""
        nodes = {
            span.node_id: {
                "start": round(span.start, 6),
                "seconds": round(span.seconds, 6),
                "peak_bytes": span.peak_bytes,
                "steps": len(self.steps.get(span.node_id, ())),
                "stages": self.stages(span.node_id),
            }
            for span in self.spans
            if not span.stage
        }
        return {"nodes": nodes, "stages": self.stages(), "cached": list(self.cached)}

    def stages(self, node_id: str | None = None) -> dict[str, dict[str, Any]]:
        """Return what each stage took in all, of one node or of the whole run."""
        found: dict[str, dict[str, Any]] = {}
        for span in self.spans:
            if not span.stage or node_id not in (None, span.node_id):
                continue
            sums = found.setdefault(span.stage, {"calls": 0, "seconds": 0.0, "peak_bytes": None})
            sums["calls"] += 1
            sums["seconds"] = round(sums["seconds"] + span.seconds, 6)
            if span.peak_bytes is not None:
                sums["peak_bytes"] = max(sums["peak_bytes"] or 0, span.peak_bytes)
        return found

    def _now(self) -> float:
        return self.clock() - self._began

    def _current(self) -> Span | None:
        """Return the node that runs in this thread; None where a stage of it does already."""
        spans = self._open.get(threading.get_ident(), ())
        return spans[-1][0] if len(spans) == 1 else None

    def _begin(self, span: Span) -> None:
        base = self._measured()
        self.spans.append(span)
        self._open.setdefault(threading.get_ident(), []).append((span, base))

    def _end(self, node_id: str) -> None:
        spans = self._open.get(threading.get_ident(), [])
        if not spans or spans[-1][0].node_id != node_id:
            return  # a node that failed before it began
        self._measured()
        span, _ = spans.pop()
        span.seconds = self._now() - span.start

    def _measured(self) -> int | None:
        """Credit the most memory used since the last look to what is going on, and begin to watch anew."""
        if self._mark is not None:
            top = self._mark + self.memory.most_since(self._mark)
            for spans in self._open.values():
                for span, base in spans:
                    if base is not None:
                        span.peak_bytes = max(span.peak_bytes or 0, top - base)
        self._mark = self.memory.mark()
        return self._mark


class ProfiledResidency(Residency):
    """A residency that tells a profile what networks are brought in for, and how long they are at work.

    A network says by its attribute ``stage`` what it works on; one that does not say goes by the name of its class.

    Args:
        profile: what is told.
        more: as for `Residency`.

    """

    def __init__(self, profile: Profile, **more: Any) -> None:
        super().__init__(**more)
        self._profile = profile

    @contextmanager
    def lease(self, resident: Resident[N]) -> Iterator[N]:
        """See `Residency.lease`."""
        with super().lease(resident) as network, self._profile.stage(_stage_of(network)):
            yield network
            if resident.device != "cpu":
                _synchronize()

    def _in_place(self, resident: Resident[N]) -> N:
        if resident.loaded:
            return super()._in_place(resident)
        with self._profile.stage(LOAD):
            return super()._in_place(resident)


def _stage_of(network: object) -> str:
    return str(getattr(network, "stage", type(network).__name__))


def _synchronize() -> None:
    """Wait until an accelerator has done what it was told: it works while Python goes on."""
    import torch

    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
