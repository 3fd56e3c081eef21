"""A pickle's code neither reaches this process nor the network."""

from __future__ import annotations

import os
import pickle
import socket
from pathlib import Path

import pytest

from inhouse.errors import ModelFormatError, ModelNotFoundError
from inhouse.packs.conversion.sources.pickles import onnx_of_pickle, weights_of_pickle


class Mark:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


class Call:
    """Connects to an address when it is unpickled."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __reduce__(self) -> tuple[object, tuple[tuple[str, int]]]:
        return socket.create_connection, (("127.0.0.1", self.port),)


def test_code_among_weights_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Mark(tmp_path / "run")))
    with pytest.raises(ModelFormatError):
        weights_of_pickle(path, tmp_path)
    assert not (tmp_path / "run").exists()


def test_code_in_a_model_has_no_network(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    with socket.create_server(("127.0.0.1", 0)) as server:
        path.write_bytes(pickle.dumps(Call(server.getsockname()[1])))
        with pytest.raises(ModelFormatError, match="no network"):
            onnx_of_pickle(path, tmp_path)


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "numbers.joblib"
    path.write_bytes(pickle.dumps([1, 2, 3]))
    with pytest.raises(ModelFormatError, match="holds a list"):
        onnx_of_pickle(path, tmp_path)
    with pytest.raises(ModelNotFoundError):
        onnx_of_pickle(tmp_path / "none.joblib", tmp_path)
