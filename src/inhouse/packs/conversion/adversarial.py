"""What a converted model is asked: realistic inputs that calibration has not seen, and inputs made to find faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from inhouse.models.signature import BATCH
from inhouse.packs.conversion.metrics import mask_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds
    from inhouse.packs.conversion.model import SourceModel

Array: TypeAlias = "NDArray[Any]"
Declared: TypeAlias = "Mapping[str, tuple[np.dtype[Any], tuple[int | str, ...]]]"

BATCHES = (1, 2, 3, 7)
"""Batches that every model is asked in, besides the one that it will be served with."""
DENORMAL = 1e-40
"""Below the least normal float32, 1.18e-38: where processors flush to zero, some kernels do and others do not."""
LARGE = 16.0
"""Times the greatest value that the model takes."""
_FRACTIONS = ("denormals", "large values")
FILLS = (
    "zeros",
    "ones",
    "least values",
    "greatest values",
    "least and greatest in turn",
    "random values",
    *_FRACTIONS,
)
"""What every input that is no mask is filled with; the last two only where it is no integer."""
PARTED = 12
"""From so many samples on, those that a model is examined with are no others' business."""
MANY = 256
"""So many rows are compared of a model of 100 MB; of larger ones fewer."""


@dataclass(frozen=True, slots=True)
class Question:
    """Inputs whose answers are compared.

    Attributes:
        case: what they are.
        calls: tensors by name, a call each.
        adversarial: whether they were made to find faults, so that a looser bound holds.

    """

    case: str
    calls: tuple[Feeds, ...]
    adversarial: bool = False


@dataclass(frozen=True, slots=True)
class Examiner:
    """Makes questions for one model.

    Attributes:
        source: the model.
        declared: inputs as the converted model declares them; an axis that has a length there is asked at no other.
        batch: the batch that it will be served with.
        seed: of what is random.

    """

    source: SourceModel
    declared: Declared
    batch: int = 32
    seed: int = 0

    @property
    def rows(self) -> list[Feeds]:
        """Samples that calibration does not see, one row each, fewer of a large model."""
        many = int(np.clip(MANY * 100e6 / max(1, self.source.nbytes), 8, MANY))
        return [self._fitting(row) for row in held_out(self.source.samples)[:many]]

    @property
    def batches(self) -> tuple[int, ...]:
        """Lengths of the batch to ask at."""
        if not any(spec.batched for spec in self.source.inputs):
            return ()
        fixed = self._fixed(BATCH)
        return (fixed,) if fixed else tuple(sorted({*BATCHES, max(1, self.batch)}))

    @property
    def axes(self) -> dict[str, tuple[int, ...]]:
        """Lengths to ask at, by name of each other axis that may have any."""
        named = {size: None for spec in self.source.inputs for size in spec.shape if isinstance(size, str)}
        return {axis: self._lengths(axis) for axis in named if axis != BATCH and not self._fixed(axis)}

    def realistic(self) -> Iterator[Question]:
        """Yield samples alone, and together in each batch; a model of one batch only is asked in that."""
        rows = self.rows
        if self._fixed(BATCH) in (0, 1):
            yield Question("realistic", tuple(rows))
        for size in self.batches:
            if size > 1:
                yield self._ask(f"batch {size}", stacked([rows[n % len(rows)] for n in range(size)]))

    def lengths(self) -> Iterator[Question]:
        """Yield a sample at several lengths of each free axis, alone and in a batch of two."""
        for axis, lengths in self.axes.items():
            for length in lengths:
                row = self._resized(self.rows[0], {axis: length})
                yield self._ask(f"{axis} {length}", row)
            several = [self._resized(row, {axis: length}) for row, length in zip(self.rows, lengths, strict=False)]
            if len(several) > 1 and len(self.batches) > 1 and mask_of(several[0]) is not None:
                yield self._ask(f"{axis} of several lengths", stacked(several))

    def adversarial(self) -> Iterator[Question]:
        """Yield inputs made to find faults."""
        rows = self.rows
        row = rows[0]
        spread = np.random.default_rng(self.seed)
        for how in FILLS:
            filled = {name: self._filled(name, array, how, spread) for name, array in row.items()}
            if any(filled[name] is not row[name] for name in row):
                yield self._ask(f"adversarial: {how}", filled, adversarial=True)
        if mask_of(row) is not None:
            yield self._ask("adversarial: all padding but one", self._padded(row), adversarial=True)
            if len(self.batches) > 1:
                beside = stacked([row, self._padded(rows[-1])])
                yield self._ask("adversarial: a full row beside padding", beside, adversarial=True)
        if len(self.batches) > 1:
            yield self._ask("adversarial: duplicate rows", stacked([row] * 3), adversarial=True)

    def mixed(self) -> tuple[list[Feeds], Feeds] | None:
        """Return rows, of different lengths where the model knows padding, and all of them as one batch."""
        if len(self.batches) < 2:
            return None
        rows = self.rows[: max(2, min(7, self.batch))]
        if mask_of(rows[0]) is not None:
            lengths = {axis: sorted(set(found))[:-1] or found for axis, found in self.axes.items()}
            sizes = [{axis: found[n % len(found)] for axis, found in lengths.items()} for n in range(len(rows))]
            rows = [self._resized(row, size) for row, size in zip(rows, sizes, strict=True)]
        else:
            rows = alike(rows)
        return rows, stacked(rows)

    def _ask(self, case: str, feeds: Feeds, *, adversarial: bool = False) -> Question:
        """Return a question of one call, of as many rows as a model of one batch only insists on."""
        size = self._fixed(BATCH)
        batched = {spec.name for spec in self.source.inputs if spec.batched and size}
        whole = {name: _repeated(array, 0, size) if name in batched else array for name, array in feeds.items()}
        return Question(case, (whole,), adversarial)

    def _fitting(self, row: Feeds) -> Feeds:
        """Return a sample in the types and at the fixed lengths of the converted model."""
        found = {}
        for name, array in row.items():
            dtype, shape = self.declared.get(name, (array.dtype, array.shape))
            for axis, size in enumerate(shape[: array.ndim]):
                if axis and isinstance(size, int) and array.shape[axis] != size:
                    array = _cut(array, axis, size)  # noqa: PLW2901
            found[name] = array.astype(dtype, copy=False) if dtype.kind != "O" else array
        return found

    def _fixed(self, axis: str) -> int:
        """Return the length that the converted model insists on for an axis that is free in the original; else 0."""
        for spec in self.source.inputs:
            _, shape = self.declared.get(spec.name, (None, ()))
            for size, declared in zip(spec.shape, shape, strict=False):
                if size == axis and isinstance(declared, int):
                    return declared
        return 0

    def _lengths(self, axis: str) -> tuple[int, ...]:
        usual = self._length(self.rows[0], axis)
        least, greatest = self.source.limits.get(axis, (1, max(2 * usual, 8)))
        middle = min(greatest, max(least, usual | 1))
        return tuple(sorted({least, min(least + 1, greatest), middle, greatest}))

    def _length(self, row: Feeds, axis: str) -> int:
        for spec in self.source.inputs:
            if axis in spec.shape and spec.name in row:
                return int(row[spec.name].shape[spec.shape.index(axis)])
        return 1

    def _resized(self, row: Feeds, sizes: Mapping[str, int]) -> Feeds:
        found = dict(row)
        for spec in self.source.inputs:
            for axis, size in enumerate(spec.shape):
                if isinstance(size, str) and size in sizes and spec.name in found:
                    found[spec.name] = _repeated(found[spec.name], axis, sizes[size])
        return found

    def _filled(self, name: str, array: Array, how: str, spread: np.random.Generator) -> Array:
        whole = array.dtype.kind in "iu"
        if name.endswith("mask") or array.dtype.kind not in "fiu" or (whole and how in _FRACTIONS):
            return array
        low, high = self._range(name, array)
        made = _fill(how, array.shape, low, high, spread)
        return (np.clip(np.rint(made), low, high) if whole else made).astype(array.dtype)

    def _range(self, name: str, array: Array) -> tuple[float, float]:
        if name in self.source.values:
            return self.source.values[name]
        arrays = [row[name] for row in self.source.samples if name in row] or [array]
        return min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)

    @staticmethod
    def _padded(row: Feeds) -> Feeds:
        """Return a row in which all but the first place is padding."""
        mask = next(name for name, array in row.items() if array is mask_of(row))
        found = dict(row)
        for name, array in row.items():
            if array.shape[:2] == row[mask].shape:
                kept = array.copy()
                kept[:, 1:] = 0
                found[name] = kept
        return found


def held_out(samples: Sequence[Feeds]) -> Sequence[Feeds]:
    """Return the samples that a model is examined with: every third; all where there are too few to part them."""
    return samples[2::3] if len(samples) >= PARTED else samples


def for_calibration(samples: Sequence[Feeds]) -> Sequence[Feeds]:
    """Return the samples that quantising may see: those that the model is not examined with."""
    return [row for number, row in enumerate(samples) if number % 3 != 2] if len(samples) >= PARTED else samples


def stacked(rows: Sequence[Feeds]) -> Feeds:
    """Return rows as one batch: shorter ones padded with zeros where there is a mask to say so, else all cut alike."""
    if mask_of(rows[0]) is None:
        rows = alike(rows)
    found: dict[str, Array] = {}
    for name in rows[0]:
        arrays = [row[name] for row in rows]
        sizes = [max(array.shape[axis] for array in arrays) for axis in range(1, arrays[0].ndim)]
        padded = [np.pad(a, [(0, 0), *((0, size - a.shape[n + 1]) for n, size in enumerate(sizes))]) for a in arrays]
        found[name] = np.concatenate(padded)
    return found


def alike(rows: Sequence[Feeds]) -> list[Feeds]:
    """Return rows cut to the least length of each axis, so that they fit into one batch without padding."""
    found = [dict(row) for row in rows]
    for name, first in rows[0].items():
        for axis in range(1, first.ndim):
            least = min(row[name].shape[axis] for row in rows)
            for row in found:
                row[name] = _cut(row[name], axis, least)
    return list(found)


def _cut(array: Array, axis: int, length: int) -> Array:
    """Return the array cut, or filled up with zeros, to a length."""
    found = np.take(array, range(min(length, array.shape[axis])), axis)
    missing = length - found.shape[axis]
    filled: Array = np.pad(found, [(0, missing if n == axis else 0) for n in range(found.ndim)])
    return filled


def _repeated(array: Array, axis: int, length: int) -> Array:
    """Return the array cut, or repeated, to a length."""
    found: Array = np.take(array, np.arange(length) % max(1, array.shape[axis]), axis)
    return found


def _fill(how: str, shape: tuple[int, ...], low: float, high: float, spread: np.random.Generator) -> Array:
    match how:
        case "zeros" | "ones":
            return np.full(shape, float(how == "ones"))
        case "least values" | "greatest values":
            return np.full(shape, low if how == "least values" else high)
        case "least and greatest in turn":
            return np.where(np.indices(shape).sum(0) % 2 == 0, low, high) if shape else np.full(shape, low)
        case "random values":
            return np.asarray(spread.uniform(low, high, shape))
        case _:
            size = DENORMAL if how == "denormals" else LARGE * max(abs(low), abs(high))
            return np.asarray(spread.choice((-size, size), shape))
