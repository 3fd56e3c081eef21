"""Estimates: a figure with the interval in which the truth lies, by the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 2000
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

_ENOUGH_ROUNDS = 5
"""So many rounds can stand for themselves; of fewer, single samples are drawn."""
_AT_ONCE = 4_000_000
"""Numbers that a resampling holds at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, the bounds of its confidence interval, and how many samples it rests on."""

    value: float
    low: float
    high: float
    samples: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def quantiles(
    rounds: Sequence[Sequence[float]], wanted: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Estimate]:
    """Estimate quantiles of samples that were taken in rounds.

    Whole rounds are drawn with replacement (the cluster bootstrap of Davison and Hinkley, 1997, section 3.8): samples
    of one round share what the machine did meanwhile, and taken as independent would promise too narrow an interval.
    An interval always holds the figure itself.

    Args:
        rounds: at least one sample in all.
        wanted: between 0 and 1.
        resamples: how often is drawn.
        seed: of the drawing.

    Raises:
        ValueError: there is no sample.

    """
    kept = [np.asarray(found, dtype=float) for found in rounds if len(found)]
    if not kept:
        raise ValueError("There is no sample.")
    values = np.concatenate(kept)
    owner = np.repeat(np.arange(len(kept)), [len(found) for found in kept])
    if len(kept) < _ENOUGH_ROUNDS:
        owner = np.arange(len(values))
    order = np.argsort(values, kind="stable")
    values, owner = values[order], owner[order]
    points = _weighted(values, np.ones((1, len(values))), wanted)[0]
    drawn = _drawn(values, owner, wanted, resamples, seed)
    tail = (1 - CONFIDENCE) / 2
    lows, highs = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return [
        Estimate(float(point), float(min(low, point)), float(max(high, point)), len(values))
        for point, low, high in zip(points, lows, highs, strict=True)
    ]


def ratio_of_sums(
    above: Sequence[float], below: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """Estimate ``sum(above) / sum(below)``, a rate such as items a second, from what each round came to.

    Raises:
        ValueError: there is no round, or nothing below the line.

    """
    over, under = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    if not len(over) or under.sum() <= 0:
        raise ValueError("There is nothing to divide by.")
    point = float(over.sum() / under.sum())
    chosen = np.random.default_rng(seed).integers(0, len(over), (resamples, len(over)))
    sums = under[chosen].sum(axis=1)
    drawn = over[chosen].sum(axis=1)[sums > 0] / sums[sums > 0]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(point, float(min(low, point)), float(max(high, point)), len(over))


def _drawn(
    values: NDArray[Any], owner: NDArray[Any], wanted: Sequence[float], resamples: int, seed: int
) -> NDArray[Any]:
    """Return the quantiles of each resampling; a round that was drawn twice counts twice."""
    random = np.random.default_rng(seed)
    groups = int(owner.max()) + 1
    step = max(1, _AT_ONCE // max(len(values), groups))
    parts = []
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        weights = random.multinomial(groups, np.full(groups, 1 / groups), size=count)
        parts.append(_weighted(values, weights[:, owner].astype(float), wanted))
    return np.concatenate(parts)


def _weighted(values: NDArray[Any], weights: NDArray[Any], wanted: Sequence[float]) -> NDArray[Any]:
    """Return, for each row of weights, the least value at or below which lies the wanted share of the weight."""
    sums = np.cumsum(weights, axis=1)
    total = sums[:, -1:]
    places = [np.argmax(sums >= share * total - 1e-9, axis=1) for share in wanted]
    return np.asarray(values[np.stack(places, axis=1)])
