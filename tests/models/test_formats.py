from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from inhouse.errors import ModelFormatError, ModelNotFoundError, UnsafeModelError
from inhouse.models.formats import open_model


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_safetensors_file_is_opened(tmp_path: Path) -> None:
    save_file({"a": np.zeros(2, dtype=np.float32)}, tmp_path / "m.safetensors")
    assert list(open_model(tmp_path / "m.safetensors").tensors) == ["a"]


@pytest.mark.parametrize("name", ["m.ckpt", "m.pt", "m.PTH", "m.bin", "m.pkl", "m.safetensors"])
def test_a_pickle_is_refused_under_any_name_and_its_code_never_runs(tmp_path: Path, name: str) -> None:
    path, trace = tmp_path / name, tmp_path / "trace"
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(UnsafeModelError, match=r"python -c .*weights_only=True.*m\.safetensors"):
        open_model(path)
    assert not trace.exists()


def test_a_zipped_pickle_is_refused_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(UnsafeModelError):
        open_model(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
        (b"\n  <html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-lfs pointer"),
        (b'{"error": "Access to this model is restricted"}', "is a JSON text"),
        (b"GGUF\x03\0\0\0", "is a GGUF file"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\0" * 64, "does not begin with a safetensors header"),
    ],
)
def test_another_file_under_this_name_is_called_by_its_own(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match=what) as caught:
        open_model(path)
    assert "m.safetensors" in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="gone"):
        open_model(tmp_path / "gone.safetensors")


def test_a_folder_or_a_pipe_is_no_model_and_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("folder", "pipe"):
        with pytest.raises(ModelFormatError, match="no file but"):
            open_model(tmp_path / f"{name}.safetensors")


def test_an_unreadable_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
    with pytest.raises(ModelFormatError, match="cannot be read"):
        open_model(tmp_path / "loop.safetensors")
