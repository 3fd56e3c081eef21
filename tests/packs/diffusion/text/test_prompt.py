from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.diffusion.text.prompt import Segment, parse


def weights(prompt: str) -> list[tuple[str, Any]]:
    return [(segment.text, pytest.approx(segment.weight)) for segment in parse(prompt)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("", []),
        ("()", []),
        ("a (cat)", [("a ", 1.0), ("cat", 1.1)]),
        ("((cat))", [("cat", 1.21)]),
        ("(cat:1.3)", [("cat", 1.3)]),
        ("(cat:-0.5)", [("cat", -0.5)]),
        ("(cat: .5 )", [("cat", 0.5)]),
        ("(cat:1e-1)", [("cat", 0.1)]),
        ("(a (b) c:0.5)", [("a ", 0.5), ("b", 0.55), (" c", 0.5)]),
    ],
)
def test_parentheses_weight_what_they_hold(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert weights(prompt) == expected


def test_an_inner_number_replaces_the_weight_around_it() -> None:
    assert weights("(red (shiny:1.5) chair:0.7)") == [("red ", 0.7), ("shiny", 1.5), (" chair", 0.7)]


@pytest.mark.parametrize("prompt", ["(a:b)", "(at 12:)", "(:3)"])
def test_a_colon_without_text_before_and_number_after_is_text(prompt: str) -> None:
    assert weights(prompt) == [(prompt[1:-1], 1.1)]


@pytest.mark.parametrize("prompt", ["a (cat on a chair", "a cat) on a chair", ")(", "(((", "\\("])
def test_parentheses_without_partner_or_behind_a_backslash_are_text(prompt: str) -> None:
    assert parse(prompt) == [Segment(prompt.replace("\\", ""), 1.0)]


def test_a_forgotten_parenthesis_leaves_other_weights_alone() -> None:
    assert weights("((cat:1.3)") == [("(", 1.0), ("cat", 1.3)]


@given(st.text(alphabet="ab ():.19\\-", max_size=40))
def test_no_prompt_is_malformed_and_text_outside_weights_survives(prompt: str) -> None:
    segments = parse(prompt)
    assert all(segment.text for segment in segments)
    assert "".join(segment.text for segment in segments).count("a") == prompt.count("a")


def test_deep_nesting_needs_no_deep_stack() -> None:
    (segment,) = parse("(" * 5000 + "cat:1)" + ")" * 4999)
    assert segment.text == "cat"
