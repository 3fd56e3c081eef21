from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from tests.server.pictures import picture

from inhouse.models.catalogue import ModelCatalogue
from inhouse.server.model_files import cover, listing, shown_folder

INSIDE = base64.b64encode(picture(size=(7, 5))).decode()


def model(folder: Path, metadata: dict[str, str]) -> str:
    header = json.dumps({"__metadata__": metadata}).encode()
    (folder / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return "a.safetensors"


def size(content: bytes | None) -> tuple[int, int] | None:
    return None if content is None else Image.open(io.BytesIO(content)).size


@pytest.mark.parametrize("name", ["a.png", "a.preview.jpg", "a.webp"])
def test_the_picture_beside_a_model_is_its_cover(tmp_path: Path, name: str) -> None:
    form = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.rpartition(".")[2]]
    (tmp_path / name).write_bytes(picture("RGB", size=(4, 9), form=form))
    assert size(cover(tmp_path, model(tmp_path, {"modelspec.thumbnail": INSIDE}))) == (4, 9)


@pytest.mark.parametrize(
    "metadata",
    [
        {"modelspec.thumbnail": f"data:image/png;base64,{INSIDE}"},
        {"ssmd_cover_images": json.dumps([INSIDE])},
        {"ssmd_cover_images": json.dumps(["broken!", INSIDE])},
    ],
)
def test_else_it_is_the_one_inside(tmp_path: Path, metadata: dict[str, str]) -> None:
    assert size(cover(tmp_path, model(tmp_path, metadata))) == (7, 5)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"ssmd_cover_images": "["},
        {"ssmd_cover_images": "{}"},
        {"ssmd_cover_images": "[1, null]"},
        {"modelspec.thumbnail": "AAAA"},
    ],
)
def test_a_model_without_a_picture_has_no_cover(tmp_path: Path, metadata: dict[str, str]) -> None:
    assert cover(tmp_path, model(tmp_path, metadata)) is None
    assert cover(tmp_path, "none.safetensors") is None
    assert cover(tmp_path, "../none") is None


def test_a_file_is_listed_with_the_folder_that_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, names in ((one, ("a.pt",)), (two, ("a.pt", "b.pt"))):
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"x")
    found = listing(ModelCatalogue({"loras": (one, two)}), "loras")
    assert [(entry["name"], entry["pathIndex"]) for entry in found] == [("a.pt", 0), ("b.pt", 1)]


def test_a_folders_name_says_what_it_is_and_not_where() -> None:
    assert shown_folder(Path("/home/somebody/models/loras")) == "models/loras"
