"""Networks run by ONNX Runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.engines.running import check_equal

from inhouse.packs.diffusion.engines.files import EngineFiles
from inhouse.packs.diffusion.engines.onnxruntime import OnnxRuntime


@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_it_gives_what_the_network_gives(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    check_equal(OnnxRuntime(files=EngineFiles(tmp_path)), caplog, torch.float32, 2e-4)
    assert len(list(tmp_path.rglob("model.onnx"))) == 1


def test_without_the_packages_it_says_how_to_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "pip install 'inhouse[onnx]'" in OnnxRuntime().lacking()


def test_a_device_that_its_build_has_nothing_for_is_named() -> None:
    pytest.importorskip("onnxruntime")
    assert "nothing for npu:0" in OnnxRuntime("npu:0").lacking()
