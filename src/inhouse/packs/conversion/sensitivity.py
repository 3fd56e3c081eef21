"""Which layers a model cannot spare: found by taking them back one by one, and measuring what that gains."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from inhouse.errors import AccuracyError

if TYPE_CHECKING:
    from inhouse.packs.conversion.calibration import Verdict

_log = logging.getLogger(__name__)

Try: TypeAlias = "Callable[[frozenset[str]], Verdict]"
"""Judges the model with these layers taken back to what they were."""
MOST_TRIALS = 64
"""Layers that are ranked each by itself; of a deeper model, as many groups of neighbours are."""


def taken_back(layers: Sequence[str], attempt: Try, trials: int = MOST_TRIALS) -> tuple[str, ...]:
    """Return the layers to take back so that the budget holds: as few as a ranking by what each one costs gives.

    One trial if nothing has to go back, else one a layer and a few more: in the ranking by what taking back each one
    alone gains, the shortest beginning that holds the budget is found by halving.

    Args:
        layers: in the order of computing.
        attempt: judges.
        trials: groups of neighbouring layers that are ranked at most, where each attempt takes long.

    Raises:
        AccuracyError: the budget does not hold even with all of them back.

    """
    if attempt(frozenset()).passed:
        return ()
    if not attempt(frozenset(layers)).passed:
        raise AccuracyError(
            "The answers differ by more than the budget even with every layer in its original precision.",
            hint="Allow more with --max-drop, or choose a finer precision.",
        )
    groups = _groups(layers, trials)
    gains = {group: attempt(frozenset(group)).loss for group in groups}
    ranking = sorted(groups, key=lambda group: gains[group])
    least, enough = 0, len(ranking)
    while enough - least > 1:
        middle = (least + enough) // 2
        if attempt(_joined(ranking[:middle])).passed:
            enough = middle
        else:
            least = middle
    back = _joined(ranking[:enough])
    _log.info("%d of %d layers stay in their original precision.", len(back), len(layers))
    return tuple(layer for layer in layers if layer in back)


def _groups(layers: Sequence[str], trials: int) -> list[tuple[str, ...]]:
    size = -(-len(layers) // trials)
    return [tuple(layers[at : at + size]) for at in range(0, len(layers), size)]


def _joined(groups: Sequence[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(layer for group in groups for layer in group)
