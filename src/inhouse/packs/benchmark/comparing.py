"""Comparing: whether a difference between two measurements is real, or what chance may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from inhouse.errors import UsageError
from inhouse.packs.benchmark.estimates import CONFIDENCE, RESAMPLES, Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.packs.benchmark.model import Cell, Report, Slice

ALPHA = 1 - CONFIDENCE
FEWEST_PAIRED, FEWEST = 6, 4
"""With fewer rounds neither test can come below `ALPHA`, whatever is in them."""

Cost: TypeAlias = "Callable[[Slice, int], float | None]"
"""From a round and the rows a call to what it cost; the less, the better."""


def _latency(part: Slice, batch: int) -> float | None:
    return float(np.median(part.latencies)) if part.latencies and batch else None


def _cpu(part: Slice, batch: int) -> float | None:
    return part.cpu / (len(part.latencies) * batch) if part.cpu and part.latencies else None


def _throughput(part: Slice, batch: int) -> float | None:
    return part.wall / (len(part.latencies) * batch) if part.latencies else None


METRICS: Mapping[str, Cost] = MappingProxyType({"latency": _latency, "cpu": _cpu, "throughput": _throughput})
"""What may be compared: the median latency, processor time a row, rows a second."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What two measurements say of each other.

    Attributes:
        before: the name of what is compared with.
        after: the name of what is compared.
        load: under which both were measured.
        metric: a row of `METRICS`.
        ratio: how many times as fast ``after`` is; its samples are rounds.
        p: how likely chance alone makes such a difference.
        paired: whether rounds were interleaved, so that each has its counterpart.
        real: whether the interval leaves out 1 and ``p`` is below `ALPHA`.

    """

    before: str
    after: str
    load: str
    metric: str
    ratio: Estimate
    p: float
    paired: bool
    real: bool

    @property
    def slower(self) -> float:
        """By which part ``after`` takes longer than ``before``; negative where it is faster."""
        return 1 / self.ratio.value - 1

    def __str__(self) -> str:
        found = self.ratio
        if self.real:
            return (
                f"{self.after} is {found.value:.2f}x as fast as {self.before} ({self.load}, {self.metric}; "
                f"{CONFIDENCE:.0%}: {found.low:.2f} to {found.high:.2f})."
            )
        need = FEWEST_PAIRED if self.paired else FEWEST
        few = f"; at least {need} rounds are needed, and there are {found.samples}" if found.samples < need else ""
        return (
            f"No difference between {self.after} and {self.before} that these samples can show ({self.load}, "
            f"{self.metric}; {found.value:.2f}x, {CONFIDENCE:.0%}: {found.low:.2f} to {found.high:.2f}{few})."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {**asdict(self), "text": str(self)}


def compare(
    before: Sequence[float], after: Sequence[float], *, paired: bool, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Estimate, float]:
    """Return how many times as fast ``after`` is, and how likely chance alone makes that.

    The ratio is of medians, or where rounds are paired the median of the rounds' ratios; its interval comes from
    drawing rounds with replacement. The probability is that of Wilcoxon's signed-rank test of paired rounds (1945), or
    of Mann and Whitney's test (1947).

    Args:
        before: what each round cost; more than 0.
        after: likewise; as many where they are paired.
        paired: whether the n-th round of one was measured beside the n-th of the other.
        resamples: how often is drawn.
        seed: of the drawing.

    Raises:
        ValueError: there is no round.

    """
    first, second = np.log(np.asarray(before, dtype=float)), np.log(np.asarray(after, dtype=float))
    if not len(first) or not len(second):
        raise ValueError("There is no round to compare.")
    random = np.random.default_rng(seed)
    if paired:
        gains = first - second
        point, drawn = np.median(gains), _medians(gains, random, resamples)
    else:
        point = np.median(first) - np.median(second)
        drawn = _medians(first, random, resamples) - _medians(second, random, resamples)
    low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2])
    value, least, most = (float(np.exp(found)) for found in (point, min(low, point), max(high, point)))
    return Estimate(value, least, most, min(len(first), len(second))), _chance(first, second, paired=paired)


def compare_cells(before: Cell, after: Cell, metric: str, *, paired: bool) -> Verdict | None:
    """Compare two cells by a row of `METRICS`; None where one of them has no such figures."""
    cost = METRICS[metric]
    costs = [[cost(part, cell.load.batch) for part in cell.slices] for cell in (before, after)]
    if paired:
        pairs = [(a, b) for a, b in zip(*costs, strict=False) if a and b]
        first, second = [a for a, _ in pairs], [b for _, b in pairs]
    else:
        first, second = ([found for found in side if found] for side in costs)
    if not first or not second:
        return None
    ratio, p = compare(first, second, paired=paired)
    real = p < ALPHA and not ratio.low <= 1 <= ratio.high
    return Verdict(before.variant, after.variant, str(after.load), metric, ratio, p, paired, real)


def within(report: Report, metric: str = "latency") -> list[Verdict]:
    """Compare every variant with the first one that has figures, load by load."""
    names = [variant.name for variant in report.variants if report.of(variant.name)]
    found: list[Verdict] = []
    for name in names[1:]:
        for cell in report.of(name):
            base = report.cell(names[0], cell.load)
            if base is not None and base.calls and (one := compare_cells(base, cell, metric, paired=True)):
                found.append(one)
    return found


def compare_reports(before: Report, after: Report, metric: str = "latency") -> list[Verdict]:
    """Compare the variants that two reports have in common, or the only one of each, whatever it is called.

    Raises:
        UsageError: one has no figures, or they have nothing in common.

    """
    names = [[variant.name for variant in report.variants if report.of(variant.name)] for report in (before, after)]
    for which, found in zip(("first", "second"), names, strict=True):
        if not found:
            raise UsageError(f"The {which} report has no figures.", hint="Every call of it failed; measure again.")
    common = [(name, name) for name in names[0] if name in names[1]]
    if not common and len(names[0]) == len(names[1]) == 1:
        common = [(names[0][0], names[1][0])]
    verdicts: list[Verdict] = []
    for first, second in common:
        for cell in after.of(second):
            base = before.cell(first, cell.load)
            if base is not None and base.calls:
                one = compare_cells(base, cell, metric, paired=before.id == after.id)
                verdicts += [one] if one else []
    if not verdicts:
        raise UsageError(
            f"The reports measured different things: {', '.join(names[0])}; and {', '.join(names[1])}.",
            hint="Measure the same targets at the same batch sizes and concurrency.",
        )
    return verdicts


def _medians(values: NDArray[Any], random: np.random.Generator, resamples: int) -> NDArray[Any]:
    return np.asarray(np.median(values[random.integers(0, len(values), (resamples, len(values)))], axis=1))


def _chance(first: NDArray[Any], second: NDArray[Any], *, paired: bool) -> float:
    from scipy import stats

    if paired:
        gains = first - second
        return 1.0 if not np.any(gains) else float(stats.wilcoxon(gains).pvalue)
    return float(stats.mannwhitneyu(first, second, alternative="two-sided").pvalue)
