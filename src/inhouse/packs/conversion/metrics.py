"""How much a converted model's answers differ from the original's, and how much they may.

Every metric gives a **loss** a row, 0 where the answers are the same, so that one number, ``max_drop``, bounds all:

================  ============================================================  =====================================
metric            loss of a row                                                 bound
================  ============================================================  =====================================
``cosine``        1 - cosine of the angle between the two answers               mean <= max_drop, worst <= 5 max_drop
``top-1``         1 where the likeliest class is another one; only rows count   mean <= max_drop; cosine of the scores
                  in which the original leads by 0.1 of probability             as above
``relative``      norm of the difference over the norm of the answer            mean <= max_drop, worst <= 5 max_drop
``psnr``          root of the mean squared error over the answer's range        mean <= max_drop, worst <= 5 max_drop
================  ============================================================  =====================================

Of a few rows, such as one small batch, only the worst is bounded: an average of two says little.
Integers, truth values and texts are compared for being the same, by whatever metric.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from inhouse.models.receipt import Check

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds
    from inhouse.packs.conversion.model import Metric, SourceModel

Array: TypeAlias = "NDArray[Any]"

MARGIN = 0.1
"""By so much of probability an answer must lead for its class to count; see docs/conversion.md."""
WORST = 5
"""The worst row may lose so many times what the mean may."""
UNBOUNDED = 1e9
"""Stands for a loss without a number: NaN, infinity, no answer at all. Receipts are JSON, which knows neither."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a comparison: losses are to be at most their bound, agreements at least theirs."""

    metric: str
    value: float
    bound: float
    at_least: bool = False
    informative: bool = False

    @property
    def passed(self) -> bool:
        """Whether it keeps within its bound; what is no number does not."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def check(self, case: str) -> Check:
        """Return it as a receipt has it."""
        value, bound = (_finite(number) for number in (self.value, self.bound))
        return Check(case, self.metric, value, bound, self.passed or self.informative, self.informative)


def answers(source: SourceModel, feeds: Feeds, outputs: Feeds) -> dict[str, Array]:
    """Return what of a model's outputs is compared, rows first.

    Of embeddings it is the vector of the whole text, of a classification the scores; of all else every output, without
    what stands at padded places.
    """
    mask = mask_of(feeds)
    if source.task == "embeddings":
        return {"embeddings": pooled(next(iter(outputs.values())), mask, str(source.facts.get("pooling", "mean")))}
    if source.metric == "top-1":
        scores = next((array for array in outputs.values() if array.ndim == 2 and array.dtype.kind == "f"), None)
        return dict(outputs) if scores is None else {"scores": scores}
    return {name: _masked(array, mask) for name, array in outputs.items()}


def mask_of(feeds: Feeds) -> Array | None:
    """Return the attention mask among inputs: (rows, places), 0 where there is padding; None where there is none."""
    return next((array for name, array in feeds.items() if name.endswith("mask") and array.ndim == 2), None)


def pooled(output: Array, mask: Array | None, how: str = "mean") -> Array:
    """Return a vector a row: what pooling makes of (rows, places, width); anything else as it is."""
    if output.ndim != 3:
        return output
    if how == "cls":
        return output[:, 0]
    weights = np.ones(output.shape[:2], np.float32) if mask is None else mask.astype(np.float32)
    total = np.einsum("rpw,rp->rw", output.astype(np.float32), weights)
    averaged: Array = total / np.maximum(weights.sum(1, keepdims=True), 1)
    return averaged


def losses(name: str, reference: Array, found: Array) -> Array:
    """Return the loss of each row by a metric; of ``top-1`` only of the rows that count, which may be none."""
    if reference.shape != found.shape:
        return np.full(max(1, len(reference)), UNBOUNDED)
    if reference.dtype.kind not in "fc":
        same = reference == found
        return np.asarray((~np.asarray(same)).reshape(len(reference), -1).any(1), float)
    if name == "top-1" and _scores(reference, found):
        agreed = _agreement(reference, found)
        return 1.0 - agreed[_margins(reference) >= MARGIN]
    a, b = (_rows(array) for array in (reference, found))
    kinds = {"cosine": _angles, "psnr": _root_errors}
    with np.errstate(all="ignore"):  # what is no number is dealt with afterwards
        return kinds.get(name, _relative)(a, b)


def figures(
    metric: Metric, pairs: Sequence[tuple[Mapping[str, Array], Mapping[str, Array]]], *, few: bool = False
) -> Iterator[Figure]:
    """Yield every figure of a comparison; of several outputs, each has its own.

    Args:
        metric: how, and how much may be lost.
        pairs: what `answers` makes of the original's outputs and of the converted model's, one pair a call.
        few: rows are too few for an average or an agreement to mean much: only the worst one is bounded.

    """
    names = list(pairs[0][0]) if pairs else []
    for name in names:
        prefix = f"{name}: " if len(names) > 1 else ""
        if any(name not in found for _, found in pairs):
            yield Figure(f"{prefix}outputs that are missing", 1, 0)
            continue
        yield from _figures(metric, [(reference[name], found[name]) for reference, found in pairs], prefix, few=few)


def relative_error(reference: Mapping[str, Array], found: Mapping[str, Array]) -> float:
    """Return the greatest relative error of an output as a whole; where the original has no number, none is asked for.

    It is `UNBOUNDED` where the original has a number and the other does not.
    """
    worst = 0.0
    for name, wanted in reference.items():
        other = found.get(name)
        if other is None or other.shape != wanted.shape:
            return UNBOUNDED
        if wanted.dtype.kind not in "fc":
            worst = max(worst, float(np.mean(wanted != other)) if wanted.size else 0.0)
            continue
        told = np.isfinite(wanted)
        if not np.isfinite(other[told]).all():
            return UNBOUNDED
        a, b = wanted[told].astype(np.float64), other[told].astype(np.float64)
        worst = max(worst, float(np.linalg.norm(a - b) / max(float(np.linalg.norm(a)), _TINY)) if a.size else 0.0)
    return min(worst, UNBOUNDED)


def psnr(reference: Array, found: Array, span: float = 1.0) -> float:
    """Return the peak signal-to-noise ratio of a picture in decibels; 200 where both are the same."""
    error = float(np.mean((reference.astype(np.float64) - found.astype(np.float64)) ** 2))
    if not math.isfinite(error):
        return 0.0
    return min(200.0, 10 * math.log10(span**2 / max(error, 1e-20)))


def ssim(reference: Array, found: Array, span: float = 1.0) -> float:
    """Return the structural similarity of two pictures (height, width, channels); 1 where they are the same.

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity" (2004):
    a Gaussian window of 11 pixels and standard deviation 1.5, less where the picture is smaller.
    """
    a, b = (array.astype(np.float64) for array in (reference, found))
    mean_a, mean_b = _blurred(a), _blurred(b)
    spread_a, spread_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    together = _blurred(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    shown = (2 * mean_a * mean_b + c1) * (2 * together + c2)
    value = float(np.mean(shown / ((mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2))))
    return value if math.isfinite(value) else 0.0


def _figures(metric: Metric, pairs: list[tuple[Array, Array]], prefix: str, *, few: bool) -> Iterator[Figure]:
    allowed, name = metric.max_drop, metric.name
    if name == "top-1":
        if all(_scores(wanted, other) for wanted, other in pairs):
            yield from _top_1(pairs, prefix, 1 - allowed, few=few)
            name = "cosine"
        else:
            name = "relative"
    lost = np.concatenate([losses(name, wanted, other) for wanted, other in pairs])
    if pairs[0][0].dtype.kind not in "fc":
        yield Figure(f"{prefix}rows that differ", float(lost.mean()), allowed)
        return
    said = {"cosine": "1 - cosine", "psnr": "root mean squared error"}.get(name, "relative error")
    yield Figure(f"{prefix}{said}, mean", float(lost.mean()), allowed, informative=few)
    yield Figure(f"{prefix}{said}, worst", float(lost.max()), allowed * WORST)


def _top_1(pairs: list[tuple[Array, Array]], prefix: str, bound: float, *, few: bool) -> Iterator[Figure]:
    counted = np.concatenate([losses("top-1", wanted, other) for wanted, other in pairs])
    agreed = np.concatenate([_agreement(wanted, other) for wanted, other in pairs])
    if counted.size:
        said = f"{prefix}top-1 agreement where the original leads by {MARGIN:g}"
        yield Figure(said, 1 - float(counted.mean()), bound, at_least=True, informative=few)
    yield Figure(f"{prefix}top-1 agreement", float(agreed.mean()), bound, at_least=True, informative=True)


def _scores(wanted: Array, other: Array) -> bool:
    return wanted.ndim == 2 and wanted.shape[1] > 1 and wanted.dtype.kind == "f" and wanted.shape == other.shape


def _rows(array: Array) -> Array:
    return array.astype(np.float64).reshape(len(array), -1) if array.ndim else array.astype(np.float64).reshape(1, 1)


def _angles(a: Array, b: Array) -> Array:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.einsum("rw,rw->r", a, b) / np.maximum(lengths, _TINY)
    same = (a == b).all(1)  # two rows of nothing but zeros have no angle
    return _told(np.where(same, 0.0, 1.0 - cosines))


def _relative(a: Array, b: Array) -> Array:
    return _told(np.linalg.norm(a - b, axis=1) / np.maximum(np.linalg.norm(a, axis=1), _TINY))


def _root_errors(a: Array, b: Array) -> Array:
    span = max(float(a.max() - a.min()), _TINY) if a.size else 1.0
    return _told(np.sqrt(((a - b) ** 2).mean(1)) / span)


def _told(lost: Array) -> Array:
    """Return losses with a number for what has none; rounding makes none negative."""
    told: Array = np.clip(np.nan_to_num(lost, nan=UNBOUNDED, posinf=UNBOUNDED), 0.0, UNBOUNDED)
    return told


def _agreement(reference: Array, found: Array) -> Array:
    same: Array = (reference.argmax(1) == found.argmax(1)) & np.isfinite(found).all(1)
    return same.astype(float)


def _margins(scores: Array) -> Array:
    """Return by how much of probability the likeliest class leads; of scores as they are, after a softmax."""
    rows = scores.astype(np.float64)
    if not ((rows >= 0).all() and np.allclose(rows.sum(1), 1, atol=1e-3)):
        raised = np.exp(rows - rows.max(1, keepdims=True))
        rows = raised / raised.sum(1, keepdims=True)
    second, first = np.partition(rows, -2, axis=1)[:, -2:].T
    lead: Array = first - second
    return lead


def _masked(array: Array, mask: Array | None) -> Array:
    if mask is None or array.ndim < 2 or array.shape[:2] != mask.shape or array.dtype.kind not in "fc":
        return array
    kept = mask.astype(bool).reshape(*mask.shape, *(1,) * (array.ndim - 2))
    return np.where(kept, array, array.dtype.type(0))


def _blurred(picture: Array) -> Array:
    for axis in (0, 1):
        size = min(11, picture.shape[axis])
        places = np.arange(size) - (size - 1) / 2
        weights = np.exp(-(places**2) / (2 * 1.5**2))
        kept = picture.shape[axis] - size + 1
        parts = (np.take(picture, range(k, k + kept), axis) * w for k, w in enumerate(weights / weights.sum()))
        picture = sum(parts, start=np.zeros(()))
    return picture


def _finite(number: float) -> float:
    return UNBOUNDED if math.isnan(number) else max(-UNBOUNDED, min(UNBOUNDED, number))
