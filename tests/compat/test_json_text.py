import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.compat import json_text
from inhouse.compat.json_text import finite, is_finite, parse_json
from inhouse.errors import WorkflowFormatError


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', "x") == {"a": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"{", "line 1, column 2"),
        (b'{"a": 1, "a": 2}', "key 'a' twice"),
        (b"\xff\xfe\x00", "no UTF-8"),
        (b"<!DOCTYPE html><p>Not found", "web page"),
        (b"[" * 200_000, "too deep"),
        (b"1" * 5000, "digits"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(WorkflowFormatError, match=message):
        parse_json(data, "file.json")


def test_a_text_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_BYTES", 4)
    assert parse_json(b"1234", "x") == 1234
    with pytest.raises(WorkflowFormatError, match="more than the 4 allowed"):
        parse_json(b"12345", "x")


@given(st.binary())
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with contextlib.suppress(WorkflowFormatError):
        json.dumps(parse_json(data, "x"))


@given(st.recursive(st.floats() | st.text() | st.none(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)))
def test_what_is_made_finite_can_be_written(value: object) -> None:
    assert is_finite(finite(value))
    json.dumps(finite(value), allow_nan=False)


def test_nan_anywhere_is_seen() -> None:
    assert not is_finite({"a": [1, {"b": math.nan}]})
    assert is_finite({"a": [1, {"b": 2.0}]})
