from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from inhouse.errors import ModelFormatError, ModelNotFoundError, OutputError, ReceiptError
from inhouse.models.artifact import Artifact, Serving, move_folder, open_artifact, save_artifact, verify_artifact
from inhouse.models.receipt import Receipt
from inhouse.models.signature import Field, TensorSpec
from inhouse.models.signing import Signer, Trust


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.open(tmp_path / "key.pem")


@pytest.fixture
def trust(signer: Signer) -> Trust:
    return Trust(frozenset({signer.public}))


def draft(folder: Path) -> Artifact:
    (folder / "assets").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"weights")
    (folder / "assets" / "tokenizer.json").write_bytes(b"{}")
    return Artifact(
        folder,
        "minilm",
        "embeddings",
        Serving("onnxruntime", "model.onnx", threads=1, options={"spin": False}),
        (TensorSpec("input_ids", "int64", ("batch", "tokens")),),
        (TensorSpec("embeddings", "float32", ("batch", 384)),),
        (Field("texts", "text", maximum=1000),),
        (Field("embeddings", "tensor", dtype="float32", shape=(384,)),),
        {"1": {"class_type": "ServiceInput", "inputs": {"name": "texts"}}},
        facts={"pooling": "mean"},
    )


def receipt() -> Receipt:
    return Receipt(
        "minilm", "2026-11-24T12:00:00+00:00", {"name": "x", "format": "onnx", "sha256": ""}, {}, "onnx", "fp32"
    )


@pytest.fixture
def saved(tmp_path: Path, signer: Signer) -> Artifact:
    return save_artifact(draft(tmp_path / "work"), receipt(), signer, tmp_path / "out" / "minilm")


def test_an_artifact_survives_its_folder(saved: Artifact, trust: Trust) -> None:
    assert open_artifact(saved.folder) == saved
    assert saved.model.read_bytes() == b"weights"
    assert set(verify_artifact(saved.folder, trust).files) == {"artifact.json", "model.onnx", "assets/tokenizer.json"}


def test_it_may_be_copied_elsewhere(saved: Artifact, trust: Trust, tmp_path: Path) -> None:
    saved.folder.rename(tmp_path / "elsewhere")
    assert verify_artifact(tmp_path / "elsewhere", trust).name == "minilm"


def _swap(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"other weights")


def _describe(folder: Path) -> None:
    data = json.loads((folder / "artifact.json").read_text())
    (folder / "artifact.json").write_text(json.dumps({**data, "task": "tensors"}))


def _lose(folder: Path) -> None:
    (folder / "assets" / "tokenizer.json").unlink()


def _add(folder: Path) -> None:
    (folder / "hook.py").write_text("print('hello')")


def _link(folder: Path) -> None:
    (folder / "more").symlink_to("/etc")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_swap, "model.onnx is not the file"),
        (_describe, "artifact.json is not the file"),
        (_lose, "lacks assets/tokenizer.json"),
        (_add, "does not know: hook.py"),
        (_link, "does not know: more"),
    ],
)
def test_whatever_is_changed_is_named(saved: Artifact, trust: Trust, tamper: Any, said: str) -> None:
    tamper(saved.folder)
    with pytest.raises(ReceiptError, match=said):
        verify_artifact(saved.folder, trust)


def test_a_stranger_s_artifact_is_refused(saved: Artifact, tmp_path: Path) -> None:
    with pytest.raises(ReceiptError, match="nobody here trusts"):
        verify_artifact(saved.folder, Trust.of(own=tmp_path / "mine.pem"))


def test_nothing_is_overwritten(saved: Artifact, signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there already"):
        save_artifact(draft(tmp_path / "again"), receipt(), signer, saved.folder)
    assert saved.model.read_bytes() == b"weights"


def test_a_folder_without_a_description_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="inhouse convert"):
        open_artifact(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1}'])
def test_a_description_that_cannot_be_read_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "artifact.json").write_text(content)
    with pytest.raises(ModelFormatError):
        open_artifact(tmp_path)


def test_a_folder_moves_whole_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("a")
    rename = Path.rename

    def across(self: Path, target: Path) -> Path:
        if self == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", across)
    move_folder(source, tmp_path / "out" / "there")
    assert (tmp_path / "out" / "there" / "a").read_text() == "a"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["there"]


def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "source").mkdir()
    with pytest.raises(OutputError, match="Cannot write"):
        move_folder(tmp_path / "source", tmp_path / "file" / "there")


def test_a_description_nested_beyond_all_measure_is_told(tmp_path: Path) -> None:
    (tmp_path / "artifact.json").write_text("[" * 200_000)
    with pytest.raises(ModelFormatError):
        open_artifact(tmp_path)
