"""What is opened by which format, and what is told where none fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from inhouse.errors import (
    ModelFormatError,
    ModelNotFoundError,
    ModelUnsupportedError,
    NodeExecutionError,
    PathEscapeError,
    UsageError,
)
from inhouse.packs.conversion.sources import open_source
from inhouse.packs.conversion.sources.request import files_of, hash_of

HERE = "tests.packs.conversion.sources.test_registry"


def build_two() -> tuple[torch.nn.Module, dict[str, torch.Tensor], dict[str, dict[int, str]]]:
    """A module of two inputs, with free axes."""

    class Two(torch.nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"product": left @ right.transpose(1, 2)}

    free = {"left": {0: "batch", 1: "height"}, "right": {0: "batch", 1: "width"}}
    return Two(), {"left": torch.randn(2, 3, 4), "right": torch.randn(2, 5, 4)}, free


def build_fixed() -> tuple[torch.nn.Module, torch.Tensor]:
    """A module that takes one size of batch."""

    class Fixed(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows.reshape(2, 6)

    return Fixed(), torch.randn(2, 2, 3)


def build_nothing() -> int:
    return 3


def build_badly() -> None:
    raise ValueError("no weights today")


def test_code_of_the_users_own_says_its_axes() -> None:
    source = open_source(f"{HERE}:build_two")
    assert source.format == "python"
    assert [spec.shape for spec in source.inputs] == [("batch", "height", 4), ("batch", "width", 4)]
    assert [spec.shape for spec in source.outputs] == [("batch", "height", "width")]
    assert all(sample["left"].shape == (1, 3, 4) for sample in source.samples)
    assert source.facts["callable"] == f"{HERE}:build_two"


def test_a_module_of_one_size_keeps_it() -> None:
    source = open_source(f"{HERE}:build_fixed")
    assert source.inputs[0].shape == (2, 2, 3)
    assert source.limits == {}


def test_what_is_wrong_with_code_is_told() -> None:
    with pytest.raises(ModelUnsupportedError, match="gave a int, no torch module"):
        open_source(f"{HERE}:build_nothing")
    with pytest.raises(NodeExecutionError, match="ValueError: no weights today"):
        open_source(f"{HERE}:build_badly")
    with pytest.raises(UsageError, match="There is no"):
        open_source(f"{HERE}:nobody")
    with pytest.raises(UsageError, match="not called here"):
        open_source(f"{HERE}:build_two", allow_code=False)


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        open_source(str(tmp_path / "nothing.onnx"))
    strange = tmp_path / "model.xyz"
    strange.write_bytes(b"?")
    with pytest.raises(ModelUnsupportedError, match=r"Known: .gguf, .onnx"):
        open_source(str(strange))
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ModelFormatError):
        open_source(str(tmp_path))


def test_a_folder_has_a_hash_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = hash_of(tmp_path)
    (tmp_path / ".hidden").write_bytes(b"x")
    assert hash_of(tmp_path) == first
    (tmp_path / "a").rename(tmp_path / "b")
    assert hash_of(tmp_path) != first


def test_links_out_of_a_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "weights.safetensors").symlink_to(tmp_path / "secret")
    with pytest.raises(PathEscapeError, match="symbolic link"):
        files_of(folder)


def test_links_into_the_cache_of_a_hub_are_followed(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "1").write_bytes(b"x")
    (snapshot / "config.json").symlink_to("../../blobs/1")
    assert [file.name for file in files_of(snapshot)] == ["config.json"]


def test_files_made_on_the_way_are_gone_with_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = open_source(f"{HERE}:build_two")
    assert [path.name[:15] for path in tmp_path.iterdir()] == ["inhouse-source-"]
    assert np.isfinite(source.answer(source.samples[0])["output"]).all()
    del source
    assert list(tmp_path.iterdir()) == []
