"""Pictures that are none, or an attack."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.program import Command, Ran

Load = Callable[..., Ran]

NOISE = random.Random(1).randbytes(64 * 64 * 3)


@pytest.fixture
def load(command: Command, tmp_path: Path) -> Load:
    """Run a workflow that loads a picture from the input folder and saves it."""
    (tmp_path / "input").mkdir()

    def run_workflow(name: object, kind: str = "LoadImage", **inputs: object) -> Ran:
        save = {"images": ["load", 0], "filename_prefix": "made"}
        nodes = {
            "load": {"class_type": kind, "inputs": {"image": name, **inputs}},
            "save": {"class_type": "SaveImage", "inputs": save},
        }
        if kind == "LoadImageMask":
            nodes["save"] = {"class_type": "MaskPreview", "inputs": {"mask": ["load", 0]}}
        (tmp_path / "workflow.json").write_text(json.dumps(nodes))
        return command("run", "workflow.json", "--json")

    return run_workflow


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (64, 64), NOISE).save(buffer, form)
    return buffer.getvalue()


def png(width: int, height: int) -> bytes:
    """Return a PNG file that declares a size it has no pixels for."""
    data = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (data, pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


BAD: dict[str, bytes | Callable[[], bytes]] = {
    "empty": b"",
    "random bytes": NOISE[:5000],
    "text": b"hello",
    "a web page": b"<!DOCTYPE html>",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "PNG cut short": lambda: encoded("PNG")[:500],
    "JPEG cut short": lambda: encoded("JPEG")[:500],
    "WebP cut short": lambda: encoded("WEBP")[:500],
    "GIF cut short": lambda: encoded("GIF")[:100],
    "TIFF cut short": lambda: encoded("TIFF")[:200],
    "a bomb": png(100_000, 100_000),
    "a bomb that Pillow only warns of": png(15_000, 15_000),
    "the largest bomb": png(2**31 - 1, 2**31 - 1),
    "a bitmap bomb": bmp(50_000, 50_000),
    "no pixels": png(0, 0),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_told(load: Load, tmp_path: Path, name: str) -> None:
    content = BAD[name]
    (tmp_path / "input" / "bad.png").write_bytes(content if isinstance(content, bytes) else content())
    told = load("bad.png")
    assert (told.code, told.codes) == (5, ["image_unreadable"])
    error = told.json["errors"][0]
    assert error["node_id"] == "load"
    assert "bad.png" in error["message"]
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_known_by_its_content(load: Load, tmp_path: Path, form: str) -> None:
    (tmp_path / "input" / "misnamed.png").write_bytes(encoded(form))
    assert load("misnamed.png").code == 0


OUTSIDE = ["../secret.png", "/etc/passwd", "a/../../secret.png", "../secret.png [output]", "a\0.png", "link.png"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["LoadImage", "LoadImageMask"])
def test_a_picture_outside_the_input_folder_is_not_read(load: Load, tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "secret.png").write_bytes(encoded("PNG"))
    (tmp_path / "input" / "link.png").symlink_to(tmp_path / "secret.png")
    told = load(name, kind, **({"channel": "red"} if kind == "LoadImageMask" else {}))
    assert (told.code, told.codes) == (5, ["path_escape"])
    assert not (tmp_path / "output").exists()


def test_a_misspelt_picture_gets_a_suggestion_and_the_folder(load: Load, tmp_path: Path) -> None:
    (tmp_path / "input" / "apple.png").write_bytes(encoded("PNG"))
    told = load("aple.png")
    assert (told.code, told.codes) == (5, ["input_not_found"])
    assert "Did you mean 'apple.png'?" in told.json["errors"][0]["hint"]
    assert "Looked in: input." in told.json["errors"][0]["hint"]


def test_an_input_folder_that_is_not_there_is_said_to_be_missing(load: Load, tmp_path: Path) -> None:
    (tmp_path / "input").rmdir()
    told = load("apple.png")
    assert (told.code, told.codes) == (5, ["input_not_found"])
    assert "input (no such folder)" in told.json["errors"][0]["hint"]


@pytest.mark.parametrize("name", [5, None, True, {"a": 1}, "", "x" * 3000, "folder", "\ud800"])
def test_what_is_no_name_is_refused(load: Load, tmp_path: Path, name: object) -> None:
    (tmp_path / "input" / "folder").mkdir()
    told = load(name)
    assert told.code in (3, 5)
    assert told.json["errors"]
