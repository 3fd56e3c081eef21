"""ONNX files as they come: run as they are, raised to an opset that is supported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.packs.conversion.sources.conftest import graph

from inhouse.errors import ConversionError, UsageError
from inhouse.packs.conversion.onnx_safety import opset_of, read_graph
from inhouse.packs.conversion.sources import open_source


def test_a_graph_is_opened_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "scale.onnx"
    onnx.save(graph(), path)
    source = open_source(str(path))
    assert source.inputs[0].shape == ("batch", 4)
    assert source.outputs[0].shape == ("batch", 3)
    rows = np.eye(4, dtype=np.float32)
    assert np.array_equal(source.answer({"rows": rows})["out"], np.arange(12, dtype=np.float32).reshape(4, 3))
    assert source.nbytes == 48


def test_an_old_opset_is_raised(tmp_path: Path) -> None:
    path = tmp_path / "old.onnx"
    onnx.save(graph(opset=11), path)
    source = open_source(str(path), scratch=_folder(tmp_path))
    assert source.graph is not None
    assert opset_of(read_graph(source.graph)) == 17


def test_an_opset_that_cannot_be_raised_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("No Adapter From Version $15 for Frobnicate")

    path = tmp_path / "old.onnx"
    onnx.save(graph(opset=11), path)
    monkeypatch.setattr("onnx.version_converter.convert_version", refuse)
    with pytest.raises(ConversionError, match=r"opset 11; 17 is the oldest .* No Adapter From"):
        open_source(str(path))


def test_arrays_that_do_not_fit_are_told(tmp_path: Path) -> None:
    path, data = tmp_path / "scale.onnx", tmp_path / "rows.npy"
    onnx.save(graph(), path)
    np.save(data, np.zeros((3, 5), np.float32))
    with pytest.raises(UsageError, match=r"rows has shape \[3, 5\], and \[batch, 4\] is wanted"):
        open_source(str(path), data=data)


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder
