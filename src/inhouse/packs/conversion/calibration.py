"""What quantising is done by, and judged by: realistic inputs that the comparison at the end does not ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import InhouseError
from inhouse.packs.conversion.adversarial import Examiner, for_calibration
from inhouse.packs.conversion.metrics import answers, figures, losses, relative_error
from inhouse.packs.conversion.verifying import LOOSE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds, Session
    from inhouse.packs.conversion.model import Metric, Precision, SourceModel

MOST = 64
"""Rows of either part: ranges and averages hardly change with more, and every layer is tried on them."""
_PARTED = 16
"""From so many rows on, those that are judged on are others than those that ranges are from."""
_RESERVE = 0.8
"""The share of the budget that is spent here: the comparison at the end asks with other inputs."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a model does: a loss that any two models differ in, and whether it is within the budget."""

    loss: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """Realistic rows.

    Attributes:
        ranges: those that ranges of activations are taken from.
        judging: those that answers are compared on; the same where there are too few to part them.

    """

    ranges: tuple[Feeds, ...]
    judging: tuple[Feeds, ...]

    @classmethod
    def of(cls, source: SourceModel, most: int = MOST) -> Calibration:
        """Part a source's samples, without those that are kept for the comparison at the end."""
        samples = tuple(for_calibration(source.samples))
        return cls(samples[0::2][:most], samples[1::2][:most]) if len(samples) >= _PARTED else cls(samples, samples)


class Judge:
    """Compares sessions with the original on the same inputs: realistic ones, and some made to find faults.

    Args:
        source: the original; it is asked once.
        rows: of one sample each.
        metric: how, and how much may be lost.
        precision: how far answers to inputs made to find faults may be off, see `inhouse.packs.conversion.verifying`.

    """

    def __init__(self, source: SourceModel, rows: Sequence[Feeds], metric: Metric, precision: Precision) -> None:
        self._source, self._rows = source, rows
        self._metric = replace(metric, max_drop=metric.max_drop * _RESERVE)
        self._smooth = "cosine" if metric.name == "top-1" else metric.name
        self._loose = LOOSE[precision] * _RESERVE
        self._wanted = [answers(source, row, source.answer(row)) for row in rows]
        self._traps = [*self._made_to_fail()]

    def __call__(self, session: Session) -> Verdict:
        """Return how a session does."""
        pairs = [(wanted, self._answered(session, row)) for wanted, row in zip(self._wanted, self._rows, strict=True)]
        bounded = [figure for figure in figures(self._metric, pairs) if not figure.informative]
        lost = np.concatenate([losses(self._smooth, a, b[name]) for wanted, b in pairs for name, a in wanted.items()])
        trapped = [relative_error(wanted, self._answered(session, row)) for row, wanted in self._traps]
        astray = max(trapped, default=0.0) / self._loose
        told = float(lost.mean() + lost.max() / 5) / max(self._metric.max_drop, 1e-9)
        return Verdict(told + astray / 10, all(figure.passed for figure in bounded) and astray <= 1)

    def _answered(self, session: Session, row: Feeds) -> dict[str, NDArray[Any]]:
        found = session.run(taken(session, row))
        named = dict(zip((spec.name for spec in self._source.outputs), found.values(), strict=False))
        return answers(self._source, row, named)

    def _made_to_fail(self) -> list[tuple[Feeds, dict[str, NDArray[Any]]]]:
        declared = {name: (array.dtype, ("any",) * array.ndim) for name, array in self._rows[0].items()}
        found = []
        for question in Examiner(self._source, declared).adversarial():
            for feeds in question.calls:
                try:
                    found.append((feeds, answers(self._source, feeds, self._source.answer(feeds))))
                except (InhouseError, RuntimeError, ValueError, IndexError):  # the original does not take it
                    continue
        return found


def taken(session: Session, row: Feeds) -> dict[str, np.ndarray[Any, Any]]:
    """Return what of a row a session takes, in its types."""
    return {name: row[name].astype(dtype, copy=False) for name, (dtype, _) in session.inputs.items()}


def stacked(rows: Sequence[Feeds], batch: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return rows as one batch, over and over where there are too few; the shorter ones are padded with 0."""
    chosen = [rows[number % len(rows)] for number in range(batch)]
    found = {}
    for name in chosen[0]:
        arrays = [row[name] for row in chosen]
        shape = np.max([array.shape for array in arrays], axis=0)
        shape[0] = sum(len(array) for array in arrays)
        whole = np.zeros(tuple(shape), arrays[0].dtype)
        at = 0
        for array in arrays:
            whole[(slice(at, at + len(array)), *(slice(0, size) for size in array.shape[1:]))] = array
            at += len(array)
        found[name] = whole
    return found
