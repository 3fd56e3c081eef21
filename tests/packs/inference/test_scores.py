from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from inhouse.errors import ModelFormatError, NodeInputError
from inhouse.models.artifact import Artifact, Serving
from inhouse.packs.inference.scores import load_labels, softmax, top_k


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1e4, 1e4, width=32)))
def test_probabilities_come_to_1_and_keep_the_order(logits: Any) -> None:
    found = softmax(tensor=logits)
    assert np.allclose(found.sum(axis=-1), 1, atol=1e-5)
    assert (found >= 0).all()
    assert (found[np.arange(len(found)), logits.argmax(-1)] == found.max(axis=-1)).all()


def test_the_highest_are_named_the_highest_first() -> None:
    rows = top_k(scores=np.array([[0.1, 0.7, 0.2]], np.float32), labels=("a", "b", "c"), k=2)
    assert [[(item["label"], item["index"]) for item in row] for row in rows] == [[("b", 1), ("c", 2)]]
    assert rows[0][0]["score"] == pytest.approx(0.7)


def test_as_many_as_there_are_come_where_more_are_wanted() -> None:
    assert len(top_k(scores=np.ones((1, 2), np.float32), labels=("a", "b"), k=5)[0]) == 2


def test_labels_that_do_not_fit_the_classes_are_refused() -> None:
    with pytest.raises(NodeInputError, match="2 labels for 3 classes"):
        top_k(scores=np.ones((1, 3), np.float32), labels=("a", "b"))


def served(folder: Path) -> Any:
    artifact = Artifact(folder, "m", "image-classification", Serving("openvino", "model.xml"), (), ())
    return SimpleNamespace(find=lambda _: artifact)


def test_labels_are_lines(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("tench\ngoldfish \n", encoding="utf-8-sig")
    assert load_labels(context=served(tmp_path)) == ("tench", "goldfish")


def test_labels_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ModelFormatError, match="no text"):
        load_labels(context=served(tmp_path))
