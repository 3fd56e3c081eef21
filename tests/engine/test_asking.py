"""Asking a node's own functions: with what they name, and nothing else."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from inhouse.engine.asking import ask, parameters


class Caller:
    def __call__(self, *, a: int, b: int = 2) -> tuple[int, int]:
        return a, b


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda: (), ()),
        (lambda a: (a,), (1,)),
        (lambda a, b=5: (a, b), (1, 2)),
        (lambda c=7: (c,), (3,)),
        (lambda **all_of_them: tuple(sorted(all_of_them.items())), (("a", 1), ("b", 2), ("c", 3))),
        (lambda a, **rest: (a, sorted(rest)), (1, ["b", "c"])),
        (functools.partial(lambda a, b: (a, b), b=9), (1, 2)),
        (Caller(), (1, 2)),
    ],
)
def test_only_what_is_named_is_passed(function: Any, got: Any) -> None:
    assert ask(function, {"a": 1, "b": 2, "c": 3}) == got


def test_what_a_function_needs_and_takes() -> None:
    def function(a: int, b: int = 1, **more: int) -> None:
        del a, b, more

    found = parameters(function)
    assert found == (frozenset({"a", "b"}), frozenset({"a"}), True)
    assert found.wants("z")
    assert not parameters(Caller()).wants("z")
