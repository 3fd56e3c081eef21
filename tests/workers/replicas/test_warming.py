"""What a service is asked before its first caller does."""

from __future__ import annotations

import base64

import pytest

from inhouse.models.signature import Field
from inhouse.workers.replicas.messages import Blob
from inhouse.workers.replicas.warming import example_part


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("x", "text", example="hello"), "hello"),
        (Field("x", "choice", choices=("a", "b")), "a"),
        (Field("x", "integer", minimum=3), 3),
        (Field("x", "boolean"), False),
        (Field("x", "file", example="data:;base64," + base64.b64encode(b"ab").decode()), Blob("file", (), b"ab")),
    ],
)
def test_examples_are_repeated_for_each_row(field: Field, value: object) -> None:
    part = example_part([field], 2)
    assert part is not None
    assert (part.rows, part.inputs) == (2, {"x": [value, value]})


def test_tensors_get_rows_and_what_only_a_caller_could_make_is_left_to_one() -> None:
    part = example_part([Field("x", "tensor", dtype="int64", shape=("tokens", 2))], 3)
    assert part is not None
    assert part.inputs["x"].shape == (3, 8, 2)
    assert len(part.inputs["x"].data) == 3 * 8 * 2 * 8
    assert example_part([Field("x", "file")], 1) is None
    optional = example_part([Field("x", "file", required=False), Field("t", "messages", rows=False)], 1)
    assert optional is not None
    assert optional.inputs["t"][0]["role"] == "user"
    picture = example_part([Field("x", "image")], 1)
    assert picture is not None
    assert bytes(picture.inputs["x"][0].data).startswith(b"\x89PNG")
