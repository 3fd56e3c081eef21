from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.errors import NodeExecutionError, WorkerLostError
from inhouse.packs.benchmark.model import Load
from inhouse.packs.benchmark.targets import Wishes, model_subjects


def test_a_model_is_measured_in_a_process_of_its_own(linear: Path) -> None:
    (subject,) = model_subjects(str(linear), Wishes(("onnxruntime",), threads=(1,)))
    try:
        subject.open()
        part = subject.measure(Load(4), 0.0, 1)
        assert (len(part.latencies), part.errors) == (1, {})
        assert subject.answers()["y"].shape == (16, 4)
        subject.observe()
        assert 0 < subject.variant.memory["grown"] < subject.variant.memory["peak"]
        assert subject._process is not None
        subject._process.kill()
        with pytest.raises(WorkerLostError, match="The process that ran linear onnxruntime 1t died"):
            subject.measure(Load(4), 0.0, 1)
    finally:
        subject.close()
    with pytest.raises(WorkerLostError, match="is not running"):
        subject.measure(Load(4), 0.0, 1)


def test_a_file_that_is_no_model_is_told_from_the_other_process(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    (subject,) = model_subjects(str(tmp_path / "model.onnx"), Wishes(("onnxruntime",)))
    try:
        with pytest.raises(NodeExecutionError, match=r"model\.onnx"):
            subject.open()
    finally:
        subject.close()
