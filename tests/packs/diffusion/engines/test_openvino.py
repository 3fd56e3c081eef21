"""Networks run by OpenVINO."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.engines.running import check_equal

from inhouse.packs.diffusion.engines.files import EngineFiles
from inhouse.packs.diffusion.engines.openvino import OpenVino


def test_it_gives_what_the_network_gives(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("openvino")
    check_equal(OpenVino(files=EngineFiles(tmp_path)), caplog, torch.float32, 2e-4)
    made = {path: path.stat().st_ino for path in tmp_path.rglob("model.xml")}
    assert len(made) == 1
    check_equal(OpenVino(files=EngineFiles(tmp_path)), caplog, torch.float32, 2e-4)
    assert {path: path.stat().st_ino for path in tmp_path.rglob("model.xml")} == made


def test_without_the_package_it_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "pip install 'inhouse[openvino]'" in OpenVino().lacking()


def test_it_is_for_processors() -> None:
    pytest.importorskip("openvino")
    assert "cuda:0" in OpenVino("cuda:0").lacking()
