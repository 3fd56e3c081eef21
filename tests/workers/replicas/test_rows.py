"""Rows of several callers, joined and split again."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import InternalError, NodeInputError, NotFiniteError
from inhouse.models.signature import Field
from inhouse.workers.replicas.messages import Blob, Part
from inhouse.workers.replicas.rows import alike, join, split

_TEXTS = Field("texts", "text")
_VECTORS = Field("v", "tensor", dtype="float32", shape=(2,))


@given(st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=4), min_size=1, max_size=5))
def test_every_caller_gets_the_rows_that_came_of_theirs(texts: list[list[str]]) -> None:
    parts = [Part(number, len(own), {"texts": own}) for number, own in enumerate(texts)]
    assert alike(parts, [_TEXTS]) == [parts]
    joined = join(parts, [_TEXTS])["texts"]
    shares = split({"out": [text[::-1] for text in joined]}, parts, [Field("out", "json")])
    assert [json.loads(bytes(share["out"])) for share in shares] == [[text[::-1] for text in own] for own in texts]  # type: ignore[arg-type] # JSON was asked for


def _blob(array: np.ndarray[Any, Any]) -> Blob:
    return Blob(array.dtype.name, array.shape, array.tobytes())


def test_tensors_come_as_blobs_or_lists_and_go_as_either() -> None:
    parts = [
        Part(1, 2, {"v": _blob(np.array([[1, 2], [3, 4]], np.float32))}, "binary"),
        Part(2, 1, {"v": [[5, 6]]}),
    ]
    joined = join(parts, [_VECTORS])["v"]
    assert joined.dtype == np.float32
    assert joined.tolist() == [[1, 2], [3, 4], [5, 6]]
    first, second = split({"v": joined * 2}, parts, [_VECTORS])
    assert first["v"] == Blob("float32", (2, 2), np.array([[2, 4], [6, 8]], np.float32).data.cast("B"))
    assert second["v"] == b"[[10.0,12.0]]"


def test_numbers_become_arrays_files_bytes_and_what_was_not_given_none() -> None:
    fields = [Field("n", "integer"), Field("f", "file"), Field("x", "number", required=False)]
    parts = [Part(1, 1, {"n": [3], "f": [Blob("file", (), memoryview(b"ab"))]})]
    joined = join(parts, fields)
    assert (joined["n"].tolist(), joined["n"].dtype, joined["f"], joined["x"]) == ([3], np.int64, [b"ab"], None)


def test_files_go_as_base64_or_as_they_are() -> None:
    field = Field("png", "image")
    json_, binary = split({"png": [b"one", b"two"]}, [Part(1, 1, {}), Part(2, 1, {}, "binary")], [field])
    assert json.loads(bytes(json_["png"])) == [base64.b64encode(b"one").decode()]  # type: ignore[arg-type] # JSON was asked for
    assert binary["png"] == Blob("file", (), b"two")


def test_parts_that_do_not_agree_are_computed_apart() -> None:
    field = Field("top", "integer", rows=False)
    parts = [Part(n, 1, {"texts": ["a"], "top": top}) for n, top in enumerate((1, 2, 1))]
    assert alike(parts, [_TEXTS, field]) == [[parts[0], parts[2]], [parts[1]]]
    free = Field("v", "tensor", dtype="float32", shape=("tokens",))
    lengths = [Part(n, 1, {"v": Blob("float32", (1, length), b"")}) for n, length in enumerate((3, 4, 3))]
    assert alike(lengths, [free]) == [[lengths[0], lengths[2]], [lengths[1]]]
    told = [Part(n, 1, {"texts": ["a"]}, parameters={"seed": n}) for n in range(2)]
    assert len(alike(told, [_TEXTS])) == 2


def test_bytes_that_make_no_tensor_are_the_callers_fault() -> None:
    with pytest.raises(NodeInputError, match="v is no tensor"):
        join([Part(1, 1, {"v": Blob("float32", (1, 2), b"123")})], [_VECTORS])


def test_a_pipeline_that_loses_rows_and_numbers_that_json_has_no_word_for_are_told() -> None:
    parts = [Part(1, 2, {})]
    with pytest.raises(InternalError, match="1 rows of 'v' for 2"):
        split({"v": np.zeros((1, 2), np.float32)}, parts, [_VECTORS])
    with pytest.raises(NotFiniteError, match="NaN"):
        split({"v": np.full((2, 2), np.nan, np.float32)}, parts, [_VECTORS])
