"""Runtimes are found by name, or by what a file needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.backends.sessions.graphs import linear

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.registry import RUNTIMES, best_runtime, open_session
from inhouse.errors import ModelUnsupportedError, UsageError


def test_a_runtime_is_opened_by_its_name(tmp_path: Path) -> None:
    for name in ("onnxruntime", "openvino"):
        assert open_session(name, linear(tmp_path), SessionOptions(threads=1)).outputs == ("y",)
    with pytest.raises(UsageError, match=r"There are .*openvino"):
        open_session("abacus", linear(tmp_path))


def test_the_best_runtime_loads_the_file_and_is_there() -> None:
    assert best_runtime(Path("model.xml")) == "openvino"
    assert best_runtime(Path("model.onnx")) in RUNTIMES
    with pytest.raises(ModelUnsupportedError, match=r"model\.txt"):
        best_runtime(Path("model.txt"))
    with pytest.raises(UsageError, match="nothing for npu"):
        best_runtime(Path("model.ort"), "npu:0")
