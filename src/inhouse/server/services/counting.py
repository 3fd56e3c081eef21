"""Counting: the series of services for Prometheus, read from what is known of them when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client import Metric

    from inhouse.server.services.base import Call
    from inhouse.server.services.directory import Services
    from inhouse.server.services.observing import Reply
    from inhouse.server.services.slots import Slot

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_LABELS: Final = ("service", "version")
_STATUSES: Final = ("failed", "left", "shed", "expired")
_COUNTED: Final = MappingProxyType(
    {
        "batches": "Batches computed.",
        "restarts": "Replicas that died and were started again.",
        "retried": "Calls computed again, as a replica died.",
    }
)
_NOW: Final = MappingProxyType(
    {
        "waiting": "Rows that wait.",
        "computing": "Rows that replicas have.",
        "replicas": "Processes that are ready.",
    }
)


@dataclass(slots=True)
class _Seconds:
    """How long a version's answered calls took."""

    total: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))

    def add(self, seconds: float) -> None:
        self.total += seconds
        self.counts[bisect_left(_BUCKETS, seconds)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        found, so_far = [], 0
        for bound, count in zip((*map(str, _BUCKETS), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, float(so_far)))
        return found


class ServiceSeries(Collector):
    """Hears of every call, and gives all series of services; a version's are gone when it is.

    Args:
        services: all of them.

    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seconds: dict[tuple[str, int], _Seconds] = {}
        services.observers.append(self)

    def replied(self, call: Call, reply: Reply) -> None:
        """Note how long a caller waited for an answer."""
        if reply.error is None:
            key = call.service, reply.version
            if key not in self._seconds:
                self._seconds[key] = _Seconds()
            self._seconds[key].add(reply.seconds)

    def compared(self, call: Call, reply: Reply, copy: Reply) -> None:
        """Nothing is counted of a comparison."""

    def collect(self) -> Iterator[Metric]:
        """Give the series; from another thread than the event loop's."""
        slots = [slot for route in list(self._services.routes.values()) for slot in route.slots.values()]
        yield _calls(slots)
        rows = CounterMetricFamily("inhouse_service_rows", "Rows answered.", labels=_LABELS)
        for slot in slots:
            rows.add_metric(_names(slot), slot.counts.rows)
        yield rows
        stats = [(_names(slot), slot.target.stats) for slot in slots]
        for name, meaning in _COUNTED.items():
            counter = CounterMetricFamily(f"inhouse_service_{name}", meaning, labels=_LABELS)
            for names, told in stats:
                counter.add_metric(names, _number(told, name))
            yield counter
        for name, meaning in _NOW.items():
            gauge = GaugeMetricFamily(f"inhouse_service_{name}", meaning, labels=_LABELS)
            for names, told in stats:
                gauge.add_metric(names, _number(told, name))
            yield gauge
        yield self._histogram(slots)

    def describe(self) -> Iterator[Metric]:
        """Give nothing: what there is is known when it is asked for."""
        return iter(())

    def _histogram(self, slots: list[Slot]) -> Metric:
        family = HistogramMetricFamily("inhouse_service_seconds", "From a call's coming to its answer.", labels=_LABELS)
        for slot in slots:
            known = self._seconds.get((slot.name, slot.version.number))
            if known is not None:
                family.add_metric(_names(slot), known.buckets(), known.total)
        return family


def _calls(slots: list[Slot]) -> Metric:
    family = CounterMetricFamily("inhouse_service_calls", "Calls, by what became of them.", labels=[*_LABELS, "status"])
    for slot in slots:
        ended = {status: getattr(slot.counts, status) for status in _STATUSES}
        family.add_metric([*_names(slot), "answered"], slot.counts.calls - sum(ended.values()))
        for status, count in ended.items():
            family.add_metric([*_names(slot), status], count)
    return family


def _names(slot: Slot) -> list[str]:
    return [slot.name, str(slot.version.number)]


def _number(told: Mapping[str, Any], name: str) -> float:
    value = told.get(name, 0)
    return float(len(value) if isinstance(value, list) else value)
