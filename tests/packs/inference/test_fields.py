from __future__ import annotations

import pytest

from inhouse.errors import NodeInputError
from inhouse.packs.inference.fields import service_input, service_output, service_parameters


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        ("text", "hello", "hello"),
        ("integer", "7", 7),
        ("number", "0.5", 0.5),
        ("boolean", "True", True),
        ("tensor", "[[1, 2]]", [[1, 2]]),
        ("json", "", None),
    ],
)
def test_what_is_typed_in_is_what_a_caller_would_give(kind: str, typed: str, value: object) -> None:
    assert service_input(name="x", kind=kind, value=typed) == value


@pytest.mark.parametrize(("kind", "typed"), [("integer", "a"), ("number", ""), ("boolean", "ja"), ("tensor", "[")])
def test_what_is_no_such_value_is_refused(kind: str, typed: str) -> None:
    with pytest.raises(NodeInputError, match="field 'x'"):
        service_input(name="x", kind=kind, value=typed)


def test_an_output_is_shown() -> None:
    assert service_output(value=[1, 2], name="answer").ui == {"text": ["answer: [1, 2]"]}
    assert service_parameters() == {}
