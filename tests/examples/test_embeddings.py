"""The example of sentence embeddings, with real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples import embeddings

pytest.importorskip("openvino")


def test_sentences_that_mean_the_same_are_the_closest(tmp_path: Path) -> None:
    found = embeddings.run(tmp_path)
    similar = found["similar"]
    assert found["worst_error"] < 1e-3
    assert similar[0][0] == pytest.approx(1, abs=1e-3)
    assert similar[0][1] > 0.7
    assert similar[2][3] > 0.5
    assert max(similar[0][2], similar[0][3], similar[1][2], similar[1][3]) < 0.2
