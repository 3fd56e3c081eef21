"""Metrics for Prometheus, by what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from inhouse.server.labels import OTHER, Labels, workflow_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CountRequests", "Metrics", "workflow_label"]

_WAITS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200)
_RUNS = (0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_NODES = (0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60, 300)
_NAMES, _SHAPES, _CLASSES, _DEVICES = 60, 40, 300, 64
"""At most so many workflows with and without names, node classes, and devices."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MEMORY = ("vram_total", "vram_free", "torch_vram_total", "torch_vram_free")


class _Registry(CollectorRegistry):
    """Leaves out when each series began: it doubles what is sent, and Prometheus looks for gaps by itself."""

    def collect(self) -> Iterator[Metric]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class Metrics:
    """Counts what happens in the gateway. All times are seconds, all sizes bytes."""

    def __init__(self) -> None:
        self.registry: CollectorRegistry = _Registry()
        ProcessCollector(registry=self.registry)
        self._make_run_series()
        self._make_machine_series()
        self._nodes: frozenset[str] = frozenset()
        self._names, self._shapes, self._classes = Labels(_NAMES), Labels(_SHAPES), Labels(_CLASSES)
        self._workers = Labels(_DEVICES)
        self._totals: dict[tuple[str, str], int] = {}
        self._requests: dict[tuple[str, str, str], Counter] = {}

    def _make_run_series(self) -> None:
        registry = self.registry
        self._accepted = Counter("inhouse_runs_accepted", "Runs accepted.", registry=registry)
        self._ended = Counter("inhouse_runs_ended", "Runs that ended, by how.", ["status"], registry=registry)
        self._wait = Histogram(
            "inhouse_run_wait_seconds", "From accepted to started.", buckets=_WAITS, registry=registry
        )
        self._run = Histogram(
            "inhouse_run_seconds", "From started to ended.", ["workflow"], buckets=_RUNS, registry=registry
        )
        self._node = Histogram(
            "inhouse_node_seconds", "One execution of a node.", ["node_class"], buckets=_NODES, registry=registry
        )
        self._hits = Counter("inhouse_cache_hits", "Nodes whose result was there already.", registry=registry)
        self._queue = Gauge("inhouse_queue_depth", "Runs that are not over.", ["state"], registry=registry)
        self._sockets = Gauge("inhouse_websockets", "Open WebSockets.", registry=registry)
        self._http = Counter(
            "inhouse_http_requests", "Answered HTTP requests.", ["method", "route", "status"], registry=registry
        )

    def _make_machine_series(self) -> None:
        registry = self.registry
        worker = ["worker"]
        self._restarts = Counter("inhouse_worker_restarts", "Deaths of workers.", worker, registry=registry)
        self._loads = Counter("inhouse_model_loads", "Models brought into memory.", worker, registry=registry)
        self._evictions = Counter(
            "inhouse_model_evictions", "Models that made room for others.", worker, registry=registry
        )
        self._backoffs = Counter(
            "inhouse_oom_backoffs", "Computations done in smaller parts for lack of memory.", worker, registry=registry
        )
        self._memory = Gauge(
            "inhouse_device_bytes", "Memory of devices.", ["worker", "device", "kind"], registry=registry
        )

    def watch(self, *, queued: Callable[[], float], running: Callable[[], float], sockets: Callable[[], float]) -> None:
        """Ask these at each scrape, from another thread."""
        self._queue.labels("queued").set_function(queued)
        self._queue.labels("running").set_function(running)
        self._sockets.set_function(sockets)

    def nodes_known(self, ids: Iterable[str]) -> None:
        """Count these node classes each for itself; all others are ``other``."""
        self._nodes = frozenset(ids)

    def run_accepted(self) -> None:
        """Count a run that was stored."""
        self._accepted.inc()

    def run_started(self, waited: float) -> None:
        """Count a run that a worker took, and how long it waited for that."""
        self._wait.observe(waited)

    def run_ended(self, workflow: str, status: str, seconds: float) -> None:
        """Count the end of a run, by its ``workflow_label``, and how long it ran."""
        self._ended.labels(status).inc()
        labels = self._shapes if workflow.startswith("#") else self._names
        self._run.labels(labels(workflow)).observe(seconds)

    def runs_cancelled(self, count: int) -> None:
        """Count runs that somebody took back before they began."""
        self._ended.labels("cancelled").inc(count)

    def nodes_cached(self, count: int) -> None:
        """Count nodes that did not have to run."""
        self._hits.inc(count)

    def node_finished(self, node_class: str, seconds: float, *, cached: bool = False) -> None:
        """Count a node that ran; one that shows again what it showed before did not."""
        if not cached:
            label = self._classes(node_class) if node_class in self._nodes else OTHER
            self._node.labels(label).observe(seconds)

    def worker_restarted(self, worker: str) -> None:
        """Count a worker that died and was started again."""
        self._restarts.labels(self._workers(worker)).inc()

    def worker_totals(self, worker: str, totals: Mapping[str, int]) -> None:
        """Count what a worker counted since it started; smaller numbers than before mean that it started again.

        Args:
            worker: its name.
            totals: ``model_loads``, ``model_evictions`` and ``oom_backoffs``.

        """
        label = self._workers(worker)
        counted = {"model_loads": self._loads, "model_evictions": self._evictions, "oom_backoffs": self._backoffs}
        for name, series in counted.items():
            before, total = self._totals.get((label, name), 0), totals.get(name, 0)
            series.labels(label).inc(total - before if total >= before else total)
            self._totals[label, name] = total

    def devices(self, worker: str, devices: Sequence[Mapping[str, Any]]) -> None:
        """Note a worker's devices, as ``/system_stats`` has them: ``name`` and memory in bytes."""
        label = self._workers(worker)
        for device in devices[:_DEVICES]:
            for kind in _MEMORY:
                if isinstance(size := device.get(kind), int | float):
                    self._memory.labels(label, str(device.get("name", ""))[:100], kind).set(size)

    def request_answered(self, method: str, route: str, status: int) -> None:
        """Count an answered request under the template of its route, of which there are as many as routes."""
        key = (method if method in _METHODS else OTHER, route, str(status))
        series = self._requests.get(key)
        if series is None:
            series = self._requests[key] = self._http.labels(*key)
        series.inc()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return all series and their media type, in the format that the ``Accept`` header prefers."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


class CountRequests:
    """ASGI middleware that counts answered HTTP requests; the outermost, so that it sees the refused ones too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note the status of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path", None)
            self._metrics.request_answered(scope["method"], route if isinstance(route, str) else OTHER, status)
