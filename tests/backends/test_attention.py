"""Which attention a device runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, chain, count

import pytest
import torch
from torch import Tensor

from inhouse.backends.attention import AUTO, NAMES, Trial, choice, chosen, implementation, probe, trial, trials
from inhouse.backends.attention_kernels import TABLE


def clock(*seconds: float) -> Iterator[float]:
    """Yield the start and the end of measurements that take so long, then of ones that take a second."""
    lengths = chain(seconds, (1.0 for _ in count()))
    return accumulate(chain.from_iterable((0.0, length) for length in lengths))


def tried(**seconds: float) -> list[Trial]:
    return [Trial(name, seconds=seconds[name]) if name in seconds else Trial(name, "no") for name in NAMES]


def test_every_implementation_is_tried_or_says_why_not() -> None:
    found = {trial.name: trial for trial in trials("cpu", "float32")}
    assert list(found) == NAMES
    assert not found["sdpa"].problem
    assert found["cudnn"].problem == "is for graphics cards, not for cpu"
    assert trials("cpu", "float32")[0] is trial("sdpa", "cpu", "float32")


def test_the_shortest_of_some_rounds_counts() -> None:
    measured = clock(3.0, 0.5, 2.0)
    assert probe(TABLE[:1], "cpu", "float32", lambda: next(measured))[0].seconds == 0.5


def test_one_that_gives_wrong_results_is_out() -> None:
    def wrong(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        del key, value, heads
        return torch.full_like(query, float("nan"))

    found = probe([replace(TABLE[0], strict=wrong)], "cpu", "float32")[0]
    assert "wrong results" in found.problem


def test_one_that_fails_says_what_it_said() -> None:
    def failing(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        del query, key, value, heads
        raise RuntimeError("No kernel for this.\nLong advice")

    found = probe([replace(TABLE[0], strict=failing)], "cpu", "bfloat16")[0]
    assert found.problem == "does not run in bfloat16: No kernel for this"


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        ({"sdpa": 1.0, "flash": 0.9}, "sdpa"),
        ({"sdpa": 1.0, "flash": 0.7, "xformers": 0.69}, "flash"),
        ({"sdpa": 1.0, "plain": 0.1}, "sdpa"),
        ({"sliced": 1.0, "plain": 0.1}, "sliced"),
        ({}, "plain"),
    ],
)
def test_a_later_one_has_to_be_clearly_faster_and_as_small(seconds: dict[str, float], name: str) -> None:
    assert choice(tried(**seconds)) == name


def test_what_is_asked_for_is_used() -> None:
    assert chosen("cpu", "float32", "sliced") is implementation("sliced")
    assert chosen("cpu", "float32", AUTO).fused


def test_what_cannot_be_used_is_replaced_and_told(caplog: pytest.LogCaptureFixture) -> None:
    assert chosen("cpu", "float32", "cudnn").fused
    assert "Attention cudnn is for graphics cards, not for cpu" in caplog.text
