"""The example of image classification, with real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples import images

pytest.importorskip("openvino")


def test_a_photograph_of_a_flower_is_called_one(tmp_path: Path) -> None:
    found = images.run(tmp_path, images.photograph())
    assert found[0]["label"] == "daisy"  # what ImageNet knows of flowers
    assert found[0]["score"] > 0.2
    assert len(found) == 5
    assert all(1 > row["score"] > 0 for row in found)
