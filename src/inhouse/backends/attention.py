"""Which attention a device runs: tried on small tensors, compared with the formula, timed, and chosen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import torch

    from inhouse.backends.attention_kernels import Implementation

AttentionName = Literal["auto", "sdpa", "flash", "efficient", "cudnn", "xformers", "math", "sliced", "plain"]
"""What a setting or a node may ask for; ``auto`` is whichever the probe chooses."""
AUTO, *NAMES = get_args(AttentionName)
REFERENCE = "sdpa"
"""The one of reference runs, which are on processors: there it adds up in one order, however many threads there are."""

BATCH, HEADS, TOKENS, CHANNELS = 2, 8, 256, 40
"""Of the tensors tried: heads as wide as those of Stable Diffusion 1."""
ROUNDS = 3
FASTER = 0.8
"""What share of a preferred one's time another has to take to be chosen: measuring is noisy, and should not decide."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """How an implementation did on a device.

    Attributes:
        name: of the implementation.
        problem: why it is not to be used; empty where it may.
        seconds: the shortest time it took; 0 where it did not run.
        error: the largest difference from the formula.

    """

    name: str
    problem: str = ""
    seconds: float = 0.0
    error: float = 0.0


def implementation(name: str) -> Implementation:
    """Return an implementation by name.

    Raises:
        KeyError: none goes by that name.

    """
    from inhouse.backends.attention_kernels import TABLE

    return {row.name: row for row in TABLE}[name]


@cache
def trials(device: str, dtype: str) -> tuple[Trial, ...]:
    """Return how each implementation did on a device in a type; tried once a process."""
    from inhouse.backends.attention_kernels import TABLE

    return probe(TABLE, device, dtype)


def chosen(device: str, dtype: str, wanted: str = AUTO) -> Implementation:
    """Return the implementation to use on a device: the wanted one if it runs there, else the probe's choice."""
    tried = trials(device, dtype)
    if wanted == AUTO:
        return implementation(choice(tried))
    problem = next(trial.problem for trial in tried if trial.name == wanted)
    if not problem:
        return implementation(wanted)
    best = choice(tried)
    _log.warning("Attention %s %s; %s is used instead.", wanted, problem, best)
    return implementation(best)


def choice(tried: Sequence[Trial]) -> str:
    """Return the name of the first that is right, unless a later one is clearly faster.

    Those that keep the whole matrix of scores are taken only where nothing else is right.
    """
    right = [trial for trial in tried if not trial.problem]
    fused = [trial for trial in right if implementation(trial.name).fused] or right[:1]
    if not fused:
        return "plain"
    best = fused[0]
    for trial in fused[1:]:
        if trial.seconds < FASTER * best.seconds:
            best = trial
    return best.name


def probe(
    table: Sequence[Implementation], device: str, dtype: str, clock: Callable[[], float] = time.perf_counter
) -> tuple[Trial, ...]:
    """Try each implementation on small tensors of a type on a device."""
    import torch

    from inhouse.backends.attention_kernels import plain

    place, kind = torch.device(device), getattr(torch, dtype)
    generator = torch.Generator().manual_seed(0)
    tensors = torch.randn(3, BATCH, TOKENS, HEADS * CHANNELS, generator=generator).to(kind)
    with torch.inference_mode():
        query, key, value = tensors.float()
        right = plain(query, key, value, HEADS)
        tensors = tensors.to(place)
        return tuple(_trial(row, tensors, right, clock) for row in table)


def _trial(row: Implementation, tensors: torch.Tensor, right: torch.Tensor, clock: Callable[[], float]) -> Trial:
    import torch

    if problem := row.lacking(tensors.device):
        return Trial(row.name, problem)
    try:
        query, key, value = tensors
        error = float((row.strict(query, key, value, HEADS).float().cpu() - right).abs().max())
        seconds = min(_timed(row, tensors, clock) for _ in range(ROUNDS))
    except (RuntimeError, ImportError, ValueError) as failure:
        return Trial(row.name, f"does not run in {_short(tensors.dtype)}: {_first_line(failure)}")
    # Weights of the softmax and values are rounded, so that an error of a few units in the last place is no fault.
    limit = 16 * torch.finfo(tensors.dtype).eps
    if not error <= limit:
        return Trial(row.name, f"gives wrong results: {error:.1e} off, {limit:.1e} is allowed", seconds, error)
    return Trial(row.name, "", seconds, error)


def _timed(row: Implementation, tensors: torch.Tensor, clock: Callable[[], float]) -> float:
    import torch

    query, key, value = tensors
    started = clock()
    row.strict(query, key, value, HEADS)
    if tensors.device.type != "cpu":
        torch.accelerator.synchronize(tensors.device)
    return clock() - started


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
