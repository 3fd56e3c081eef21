"""Where a converted model goes wrong: the first layer whose result is nowhere to be found in it.

The original is run once with its layers watched, the converted model once with every tensor shown. Tensors are known
again by their content, not by their names: passes fuse, fold and rename. Halving would be fewer runs, and wrong: on a
branch beside the fault (the value beside a key) all is well, although the fault is before it. So the order is kept, and
a layer is cleared if its own result is there, or that of any layer that it flows into, which could not be right
otherwise: a convolution whose normalisation was folded into it, a projection that became part of a fused attention.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from inhouse.packs.conversion.tracing import converted, original

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inhouse.backends.sessions.base import Feeds
    from inhouse.packs.conversion.model import Draft
    from inhouse.packs.conversion.tracing import Point, Print, Trace

_log = logging.getLogger(__name__)


def blamed(draft: Draft, feeds: Feeds, tolerance: float) -> str:
    """Return the name of the first layer that computes something else than in the original; empty if none is found.

    Args:
        draft: what was converted.
        feeds: inputs whose answer is wrong; few rows are enough.
        tolerance: relative error up to which a tensor is taken for the same.

    """
    try:
        points = original(draft.source, feeds)
        trace = converted(draft, feeds) if points else None
    except Exception as error:  # noqa: BLE001 - that the accuracy is lost matters more than where
        _log.warning("The layer at fault cannot be told: %s.", str(error).splitlines()[0] if str(error) else error)
        return ""
    return "" if trace is None else first_bad(points, trace, tolerance).removeprefix(_wrapping(draft))


def first_bad(points: Sequence[Point], trace: Trace, tolerance: float) -> str:
    """Return the name of the first place that is not cleared; of one that was fused, what it is a part of."""
    there = _there(points, trace.prints, tolerance)
    fine = list(there)
    for number in reversed(range(len(points))):
        fine[number] = fine[number] or any(fine[later] for later in points[number].then if later > number)
    found = next((point.name for point, good in zip(points, fine, strict=True) if not good and point.name), "")
    known = {name for layer in trace.layers for name in _with_wholes(layer)}
    if not known or not any(point.name in known for point in points):
        return found
    while "." in found and found not in known:
        found = found.rpartition(".")[0]
    return found


def _wrapping(draft: Draft) -> str:
    """Return what our own wrapper puts before the names that the model's maker gave."""
    module = draft.source.module
    parts = [] if module is None else [name for name, _ in module.named_children()]
    ours = type(module).__module__.startswith(f"{__package__}.")
    return f"{parts[0]}." if ours and len(parts) == 1 else ""


def _there(points: Sequence[Point], prints: Sequence[Print], tolerance: float) -> list[bool]:
    by_size: dict[int, list[Print]] = {}
    for kept in prints:
        by_size.setdefault(kept.size, []).append(kept)
    tables = {size: np.stack([kept.numbers for kept in found]) for size, found in by_size.items()}
    told = []
    for point in points:
        table = tables.get(point.seen.size)
        if table is None:
            told.append(False)
            continue
        wanted = point.seen.numbers
        errors = np.linalg.norm(table - wanted, axis=1) / max(float(np.linalg.norm(wanted)), 1e-12)
        told.append(bool(np.nanmin(np.nan_to_num(errors, nan=np.inf)) <= tolerance))
    return told


def _with_wholes(layer: str) -> list[str]:
    parts = layer.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
