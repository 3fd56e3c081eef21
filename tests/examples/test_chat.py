"""The example of a chat: it answers sensibly, piece by piece."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples.chat import run

pytest.importorskip("gguf")


def test_a_small_model_knows_the_capital_of_france(tmp_path: Path) -> None:
    found = run(tmp_path, most=12)
    assert "Paris" in "".join(found["pieces"])
    assert len(found["pieces"]) > 3
    assert found["tokens"] > 20
