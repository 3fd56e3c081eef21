"""Fidelity: how near a variant's answers are to those of a reference, to the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fidelity(
    reference: Mapping[str, NDArray[Any]], answers: Mapping[str, NDArray[Any]]
) -> dict[str, float | int | str]:
    """Compare answers, row by row, over all outputs that both have.

    Outputs are matched by name, or by their order where no name is common. Not a number counts as nothing alike.

    Returns:
        ``cosine_mean`` and ``cosine_min`` of rows; ``relative``, the greatest difference by the reference's greatest
        magnitude; ``top1``, the share of rows whose greatest value is at the same place, of outputs that are lists of
        scores; ``rows``; or ``unlike``, why nothing can be compared.

    """
    names = [(name, name) for name in reference if name in answers] or list(zip(reference, answers, strict=False))
    pairs = [(np.asarray(reference[one]), np.asarray(answers[other])) for one, other in names]
    pairs = [(one, other) for one, other in pairs if one.ndim and one.dtype.kind in "fiu"]
    if not pairs:
        return {"unlike": "no output is common"}
    if any(one.shape != other.shape for one, other in pairs):
        return {"unlike": "shapes differ"}
    cosines = np.concatenate([_cosines(_rows(one), _rows(other)) for one, other in pairs])
    found: dict[str, float | int | str] = {
        "cosine_mean": float(cosines.mean()),
        "cosine_min": float(cosines.min()),
        "relative": max(_relative(one.astype(float), other.astype(float)) for one, other in pairs),
        "rows": len(pairs[0][0]),
    }
    scores = [(one, other) for one, other in pairs if one.ndim == 2 and one.shape[1] > 1]
    if scores:
        found["top1"] = float(np.mean([(one.argmax(1) == other.argmax(1)).mean() for one, other in scores]))
    return found


def _rows(values: NDArray[Any]) -> NDArray[Any]:
    return values.reshape(len(values), -1).astype(float) if len(values) else values.reshape(0, 0).astype(float)


def _cosines(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Return the cosine of each pair of rows; two rows of zeros are alike."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    both_zero = ~one.any(axis=1) & ~other.any(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (one * other).sum(axis=1) / lengths
    found = np.where(both_zero, 1.0, found)
    return np.asarray(np.clip(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0), -1, 1))


def _relative(one: NDArray[Any], other: NDArray[Any]) -> float:
    if not one.size:
        return 0.0
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("inf")
    scale = float(np.abs(one).max()) or 1.0
    return float(np.abs(one - other).max()) / scale
