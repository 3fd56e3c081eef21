"""Comparing: how far two versions of a service answer alike, from 0 to 1."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse.server.services.tensors import FORMATS
from inhouse.workers.replicas.messages import Blob

if TYPE_CHECKING:
    from inhouse.models.signature import Field

TOLERANCE: Final = 1e-3
"""Numbers that differ by less than this share of the larger one are alike."""


def agreement(fields: Sequence[Field], first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    """Return how far two answers agree: the mean over their fields.

    A vector a row (embeddings) counts by the cosine of the angle between both, labels by whether the first one is the
    same, numbers and other tensors by the share that is within ``TOLERANCE``, all else by being the same. A row that
    only one of them has agrees with nothing.

    Args:
        fields: of the answers.
        first: one answer's outputs, as bytes of JSON or blobs.
        second: the other's.

    """
    found = [_field(field, first.get(field.name), second.get(field.name)) for field in fields]
    return sum(found) / len(found) if found else 1.0


def _field(field: Field, first: Any, second: Any) -> float:
    if first is None or second is None:
        return 0.0
    try:
        ours, theirs = _rows(field, first), _rows(field, second)
    except (orjson.JSONDecodeError, struct.error, KeyError):
        return 0.0
    count = max(len(ours), len(theirs))
    alike = _WAYS.get(field.kind, _same)
    if field.kind == "tensor" and len(field.shape) == 1 and field.dtype.startswith("float"):
        alike = _cosine
    return sum(map(alike, ours, theirs)) / count if count else 1.0


def _rows(field: Field, value: Any) -> Sequence[Any]:
    if isinstance(value, Blob):
        if value.dtype not in FORMATS:
            return [bytes(value.data)]
        numbers = struct.unpack(f"<{math.prod(value.shape)}{FORMATS[value.dtype].code}", value.data)
        if not field.rows or not value.shape:
            return [numbers]
        size = len(numbers) // value.shape[0] if value.shape[0] else 0
        return [numbers[at * size : (at + 1) * size] for at in range(value.shape[0])]
    loaded = orjson.loads(value)
    return loaded if field.rows and isinstance(loaded, list) else [loaded]


def _cosine(first: Any, second: Any) -> float:
    ours, theirs = _flat(first), _flat(second)
    if len(ours) != len(theirs):
        return 0.0
    lengths = math.sqrt(sum(x * x for x in ours)) * math.sqrt(sum(x * x for x in theirs))
    if not lengths:
        return float(ours == theirs)
    cosine = sum(x * y for x, y in zip(ours, theirs, strict=True)) / lengths
    return min(1.0, max(0.0, cosine)) if math.isfinite(cosine) else 0.0


def _labels(first: Any, second: Any) -> float:
    return float(_top(first) == _top(second))


def _top(labels: Any) -> Any:
    if isinstance(labels, list) and labels:
        labels = labels[0]
    return labels.get("label") if isinstance(labels, dict) else labels


def _close(first: Any, second: Any) -> float:
    ours, theirs = _flat(first), _flat(second)
    if len(ours) != len(theirs):
        return 0.0
    alike = sum(math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=1e-9) for x, y in zip(ours, theirs, strict=True))
    return alike / len(ours) if ours else 1.0


def _same(first: Any, second: Any) -> float:
    return float(first == second)


def _flat(value: Any) -> list[float]:
    """Return all numbers in nested lists; what is none makes an answer unlike every other."""
    if isinstance(value, list | tuple):
        return [number for item in value for number in _flat(item)]
    return [float(value) if isinstance(value, int | float) else math.nan]


_WAYS: Final = {"labels": _labels, "tensor": _close, "number": _close}
