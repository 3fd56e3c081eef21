from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from inhouse.errors import ModelFormatError
from inhouse.packs.diffusion.text.embeddings import Embeddings, read_embedding

ROWS = torch.arange(8.0).reshape(2, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "embeddings"
    (folder / "sub").mkdir(parents=True)
    save_file({"emb_params": ROWS}, folder / "plain.safetensors")
    save_file({"clip_l": ROWS, "clip_g": ROWS[:, :3] + 1}, folder / "sub" / "both.safetensors")
    save_file({"<token>": ROWS[0]}, folder / "learned.safetensors")
    torch.save({"string_to_param": {"*": ROWS}, "name": "old"}, folder / "old.pt")
    save_file({"emb_params": ROWS}, tmp_path / "outside.safetensors")
    return folder


@pytest.mark.parametrize("name", ["plain", "plain.safetensors", "sub/both"])
def test_rows_are_found_by_name_with_or_without_extension(folder: Path, name: str) -> None:
    rows = Embeddings((folder,)).vectors(name, encoder="clip_l", width=4)
    assert rows is not None
    assert rows.equal(ROWS)


def test_a_converted_pickle_is_found_by_its_old_name(folder: Path) -> None:
    save_file({"*": ROWS + 1}, folder / "old.safetensors")
    rows = Embeddings((folder,)).vectors("old.pt", encoder="clip_l", width=4)
    assert rows is not None
    assert rows.equal(ROWS + 1)


def test_a_single_vector_is_one_row(folder: Path) -> None:
    rows = Embeddings((folder,)).vectors("learned", encoder="clip_l", width=4)
    assert rows is not None
    assert rows.equal(ROWS[:1])


def test_each_encoder_gets_its_own_rows(folder: Path) -> None:
    rows = Embeddings((folder,)).vectors("sub/both", encoder="clip_g", width=3)
    assert rows is not None
    assert rows.equal(ROWS[:, :3] + 1)


def test_a_missing_embedding_is_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Embeddings((folder,)).vectors("nothing", encoder="clip_l", width=4) is None
    assert "'nothing'" in caplog.text


def test_an_embedding_of_another_width_is_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Embeddings((folder,)).vectors("plain", encoder="clip_l", width=5) is None
    assert "another model family" in caplog.text


def test_a_damaged_embedding_is_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "plain.safetensors").write_bytes(b"\x10")
    assert Embeddings((folder,)).vectors("plain", encoder="clip_l", width=4) is None
    assert "plain.safetensors" in caplog.text


@pytest.mark.parametrize("name", ["../outside", "../outside.safetensors", "sub", "", "/etc/passwd", "a\0b", "a" * 300])
def test_names_lead_nowhere_but_into_the_folders(folder: Path, name: str) -> None:
    assert Embeddings((folder,)).find(name) is None


def test_a_pickle_is_a_warning_and_its_code_does_not_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"string_to_param": {"*": Bomb()}}, tmp_path / "bomb.pt")
    assert Embeddings((tmp_path,)).vectors("bomb", encoder="clip_l", width=4) is None
    assert "bomb.pt is a pickle" in caplog.text
    assert not (tmp_path / "ran").exists()


def test_a_file_without_tensors_is_an_error(tmp_path: Path) -> None:
    save_file({}, tmp_path / "empty.safetensors")
    with pytest.raises(ModelFormatError):
        read_embedding(tmp_path / "empty.safetensors")
