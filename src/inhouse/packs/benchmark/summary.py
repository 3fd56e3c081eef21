"""What the rounds of one variant under one load come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.packs.benchmark.estimates import QUANTILES, Estimate, quantiles, ratio_of_sums
from inhouse.packs.benchmark.steadiness import DRIFT, drift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.packs.benchmark.model import Cell

FEW = 100
"""Of fewer samples the 99th percentile is but the slowest of them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of a cell.

    Attributes:
        latency: seconds a call, by quantile.
        throughput: rows a second.
        cpu: seconds of processor time a row; None where it could not be read.
        joules: a row; None where they could not be read.
        drift: by which part the last third of the rounds was slower than the first.
        failed: the share of calls that failed.
        shares: the share of the time that each part took, the largest first.
        notes: what to know of the figures.

    """

    latency: Mapping[str, Estimate]
    throughput: Estimate
    cpu: Estimate | None
    joules: Estimate | None
    drift: float
    failed: float
    shares: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "latency": {name: found.as_dict() for name, found in self.latency.items()},
            "throughput": self.throughput.as_dict(),
            "cpu": self.cpu.as_dict() if self.cpu else None,
            "joules": self.joules.as_dict() if self.joules else None,
            "drift": self.drift,
            "failed": self.failed,
            "shares": dict(self.shares),
            "notes": list(self.notes),
        }


def summarize(cell: Cell) -> Summary:
    """Return what a cell comes to.

    Raises:
        ValueError: no call was answered.

    """
    rows = [len(part.latencies) * cell.load.batch for part in cell.slices]
    found = quantiles(cell.rounds, list(QUANTILES.values()))
    failed = sum(cell.errors.values())
    moved = drift(cell.rounds)
    return Summary(
        latency=dict(zip(QUANTILES, found, strict=True)),
        throughput=ratio_of_sums(rows, [part.wall for part in cell.slices]),
        cpu=_a_row([part.cpu for part in cell.slices], rows),
        joules=_a_row([part.joules for part in cell.slices], rows),
        drift=moved,
        failed=failed / (failed + cell.calls),
        shares=_shares(cell),
        notes=tuple(_notes(cell, moved)),
    )


def _a_row(spent: list[float | None], rows: list[int]) -> Estimate | None:
    known = [(value, count) for value, count in zip(spent, rows, strict=True) if value is not None and count]
    return ratio_of_sums([value for value, _ in known], [count for _, count in known]) if known else None


def _shares(cell: Cell) -> dict[str, float]:
    sums: dict[str, float] = {}
    for part in cell.slices:
        for name, seconds in part.parts.items():
            sums[name] = sums.get(name, 0.0) + seconds
    whole = sum(sums.values())
    return {name: value / whole for name, value in sorted(sums.items(), key=lambda item: -item[1])} if whole else {}


def _notes(cell: Cell, moved: float) -> list[str]:
    notes = []
    if cell.calls < FEW:
        notes.append("few")
    if not cell.steady:
        notes.append("unsteady")
    if abs(moved) > DRIFT:
        notes.append("drift")
    if cell.errors:
        notes.append("errors")
    return notes
