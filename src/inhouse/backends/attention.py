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
def trial(name: str, device: str, dtype: str) -> Trial:
    """Return how an implementation did on a device in a type; tried once a process."""
    return probe([implementation(name)], device, dtype)[0]


def trials(device: str, dtype: str) -> tuple[Trial, ...]:
    """Return how each implementation did on a device in a type."""
    return tuple(trial(name, device, dtype) for name in NAMES)


def chosen(device: str, dtype: str, wanted: str = AUTO) -> Implementation:
    """Return the implementation to use on a device: the wanted one if it runs there, else the probe's choice."""
    problem = "" if wanted == AUTO else trial(wanted, device, dtype).problem
    if wanted != AUTO and not problem:
        return implementation(wanted)
    # Those that are chosen only where nothing else is right are tried only there: it takes as long as all the others.
    fused = [trial(name, device, dtype) for name in NAMES if implementation(name).fused]
    best = choice(trials(device, dtype) if all(found.problem for found in fused) else fused)
    if problem:
        _log.warning("Attention %s %s; %s is used instead.", wanted, problem, best)
    return implementation(best)


def choice(tried: Sequence[Trial]) -> str:
    """Return the name of the first that is right, unless a later one is clearly faster.

    Those that keep the whole matrix of scores are taken only where nothing else is right.
    """
    right = [found for found in tried if not found.problem]
    fused = [found for found in right if implementation(found.name).fused] or right[:1]
    if not fused:
        return "plain"
    best = fused[0]
    for found in fused[1:]:
        if found.seconds < FASTER * best.seconds:
            best = found
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
