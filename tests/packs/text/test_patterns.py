import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import NodeInputError
from inhouse.packs.text.patterns import Pattern


def test_flags_do_what_they_do_in_python() -> None:
    assert Pattern("A.C").matches("abc")
    assert not Pattern("A.C", case_insensitive=False).matches("abc")
    assert not Pattern("^b").matches("a\nb")
    assert Pattern("^b", multiline=True).matches("a\nb")
    assert not Pattern("a.b").matches("a\nb")
    assert Pattern("a.b", dotall=True).matches("a\nb")


def test_groups_are_found_or_empty() -> None:
    pattern = Pattern(r"(\w)(\d)?")

    assert pattern.first("a1 b") == "a1"
    assert pattern.first("a1 b", 2) == "1"
    assert pattern.first("a1 b", 9) == ""
    assert pattern.first("--") == ""
    assert pattern.all("a1 b") == ["a1", "b"]
    assert pattern.all("a1 b", 1) == ["a", "b"]
    assert pattern.all("a1 b", 2) == ["1", ""]
    assert pattern.all("a1 b", 9) == []


def test_replacements_know_groups_and_counts() -> None:
    pattern = Pattern(r"(\w)(\d)")

    assert pattern.replace("a1 b2 c3", r"\2\1") == "1a 2b 3c"
    assert pattern.replace("a1 b2 c3", "x", 2) == "x x c3"


def test_a_pattern_that_takes_too_long_is_stopped() -> None:
    pattern = Pattern(r"(a|aa|aaa)+(b|bb)+c", seconds=0.02)
    string = "a" * 5000

    for attempt in (pattern.matches, pattern.first, pattern.all, lambda text: pattern.replace(text, "")):
        with pytest.raises(NodeInputError, match=r"more than 0\.02 seconds"):
            attempt(string)


@pytest.mark.parametrize("text", ["(", "[", "*", "(?P<n>a)(?P<n", "(?<=a"])
def test_a_malformed_pattern_is_named(text: str) -> None:
    with pytest.raises(NodeInputError) as caught:
        Pattern(text).matches("a")

    assert caught.value.input_name == "regex_pattern"
    assert repr(text) in caught.value.message


def test_a_malformed_replacement_is_told() -> None:
    with pytest.raises(NodeInputError, match="replacement"):
        Pattern("a").replace("a", r"\7")


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_pattern_is_answered_or_refused(text: str, string: str) -> None:
    pattern = Pattern(text, seconds=1)
    try:
        found = pattern.matches(string)
    except NodeInputError:
        return
    assert found == bool(pattern.all(string))
