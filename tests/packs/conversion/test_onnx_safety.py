"""What an ONNX file may not do: reach out of its folder, bring foreign code, or crash us."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.packs.conversion.sources.conftest import graph

from inhouse.errors import InhouseError, ModelFormatError, PathEscapeError, UnsupportedOperatorError
from inhouse.packs.conversion.onnx_safety import data_files, nbytes_of, read_graph


def external(path: Path, location: str, offset: int = 0) -> None:
    """Write a graph whose weights lie in another file."""
    model = graph()
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": str(offset), "length": "48"}.items():
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def test_weights_beside_the_graph_are_found(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(48))
    external(tmp_path / "model.onnx", "weights.bin")
    model = read_graph(tmp_path / "model.onnx")
    assert data_files(model, tmp_path / "model.onnx") == [tmp_path / "weights.bin"]
    assert nbytes_of(model) == 48


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "a/../../secret.bin", "C:\\secret", "..\\x", ""])
def test_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    external(folder / "model.onnx", location)
    with pytest.raises(PathEscapeError, match="not a file of its folder"):
        read_graph(folder / "model.onnx")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    (folder / "weights.bin").symlink_to(tmp_path / "secret.bin")
    external(folder / "model.onnx", "weights.bin")
    with pytest.raises(PathEscapeError):
        read_graph(folder / "model.onnx")


@pytest.mark.parametrize("offset", [1, 10**9])
def test_data_cut_short_are_told(tmp_path: Path, offset: int) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(48))
    external(tmp_path / "model.onnx", "weights.bin", offset)
    with pytest.raises(ModelFormatError, match="cut short"):
        read_graph(tmp_path / "model.onnx")


def test_operators_of_somebodys_own_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(graph(op="Frobnicate", domain="com.acme").SerializeToString())
    with pytest.raises(UnsupportedOperatorError, match=r"com\.acme::Frobnicate") as caught:
        read_graph(path)
    assert caught.value.operators == ("com.acme::Frobnicate",)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"<html>login</html>", b"\x89PNG\r\n"])
def test_what_is_no_graph_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError):
        read_graph(path)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damaged_bytes_are_refused_with_an_error_of_ours(data: st.DataObject) -> None:
    content = bytearray(graph().SerializeToString())
    content = content[: data.draw(st.integers(0, len(content)))]
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "model.onnx")
        path.write_bytes(content)
        try:
            model = read_graph(path)
        except InhouseError:
            return
        assert nbytes_of(model) is not None
