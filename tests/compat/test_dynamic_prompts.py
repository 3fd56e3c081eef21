import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.compat.dynamic_prompts import escape, resolve


def resolved(text: str, seed: int = 0) -> str:
    return resolve(text, random.Random(seed))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{one|one} /* gone */ two\\{x\\} // tail\nline2 (w:1.2)", "one  two{x} \nline2 (w:1.2)"),
        ("{a}", "a"),
        ("{a|{a|a}}", "a"),
        ("{}", ""),
        (r"{a\|b}", "a|b"),
        (r"a|b\|c", r"a|b\|c"),
        ("open {a|b", "open {a|b"),
        ("close }", "close }"),
        ("/* never closed", "/* never closed"),
        ("", ""),
    ],
)
def test_options_comments_and_escapes(text: str, shown: str) -> None:
    assert resolved(text) == shown


def test_each_option_is_chosen_for_some_seed() -> None:
    assert {resolved("{red|green|light {blue|grey}}", seed) for seed in range(60)} == {
        "red",
        "green",
        "light blue",
        "light grey",
    }


def test_text_that_repeats_an_opening_is_no_burden() -> None:
    assert resolved("{" * 100_000) == "{" * 100_000
    assert resolved("/* " * 100_000) == "/* " * 100_000
    assert resolved("{a|b}" * 20_000).count("{") == 0


@given(st.text())
def test_escaped_text_is_given_back(text: str) -> None:
    without_comments = text.replace("/", "")
    assert resolved(escape(without_comments)) == without_comments


@given(st.text(alphabet="{}|\\/*a\n"), st.integers())
def test_any_text_is_resolved_the_same_way_twice(text: str, seed: int) -> None:
    assert resolved(text, seed) == resolved(text, seed)
