import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inhouse.errors import OutputError, PathEscapeError
from inhouse.files import Folders

Run = Callable[..., Any]
EMPTY = {"width": 6, "height": 4, "batch_size": 2, "color": 0xFF0000}


def save(kind: str = "SaveImage", **inputs: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    return {"1": ("EmptyImage", EMPTY), "2": (kind, {"images": ("1", 0), **inputs})}


def test_each_picture_gets_the_next_number_in_its_sub_folder(run: Run, folders: Folders) -> None:
    result = run(save(filename_prefix="probe/%width%x%height%/a"))

    assert result.outputs["2"] == {
        "images": [
            {"filename": "a_00001_.png", "subfolder": "probe/6x4", "type": "output"},
            {"filename": "a_00002_.png", "subfolder": "probe/6x4", "type": "output"},
        ]
    }
    assert (folders.output / "probe" / "6x4" / "a_00002_.png").is_file()


def test_the_number_in_the_batch_can_stand_in_the_name(run: Run, folders: Folders) -> None:
    run(save(filename_prefix="n%batch_num%"))

    assert sorted(path.name for path in folders.output.iterdir()) == ["n0_00001_.png", "n1_00001_.png"]


def test_another_nodes_input_can_stand_in_the_name(run: Run, folders: Folders) -> None:
    run(save(filename_prefix="%EmptyImage.color%_%SaveImage.images%"))

    assert (folders.output / "16711680_%SaveImage.images%_00001_.png").is_file()


def test_the_workflow_stands_in_the_file(run: Run, folders: Folders) -> None:
    documents = {"prompt": {"1": {"class_type": "EmptyImage"}}, "workflow": {"nodes": []}}

    run(save(filename_prefix="x"), **documents)

    with Image.open(folders.output / "x_00001_.png") as saved:
        assert {name: json.loads(text) for name, text in saved.info.items()} == documents
        assert (saved.mode, saved.size, saved.getpixel((0, 0))) == ("RGB", (6, 4), (255, 0, 0))


def test_a_preview_goes_into_the_temporary_folder(run: Run, folders: Folders) -> None:
    result = run(save("PreviewImage"))

    shown = result.outputs["2"]["images"]
    assert [item["type"] for item in shown] == ["temp", "temp"]
    assert all((folders.temp / item["filename"]).is_file() for item in shown)
    assert not folders.output.exists()


@pytest.mark.parametrize(("kind", "suffix"), [("SaveAnimatedWEBP", ".webp"), ("SaveAnimatedPNG", ".png")])
def test_a_batch_becomes_one_animation(run: Run, folders: Folders, kind: str, suffix: str) -> None:
    more = {"lossless": False, "quality": 80, "method": "fastest"} if suffix == ".webp" else {"compress_level": 1}

    result = run(save(kind, filename_prefix="a", fps=6.0, **more))

    assert result.outputs["2"]["animated"] == (True,)
    assert [item["filename"] for item in result.outputs["2"]["images"]] == [f"a_00001_{suffix}"]
    assert (folders.output / f"a_00001_{suffix}").is_file()


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "a/../../x"])
def test_a_prefix_that_leaves_the_folder_is_an_error(run: Run, tmp_path: Path, prefix: str) -> None:
    result = run(save(filename_prefix=prefix))

    assert isinstance(result.failures[0].error, PathEscapeError)
    assert not list(tmp_path.rglob("*.png"))


def test_what_cannot_be_written_leaves_nothing_behind(run: Run, folders: Folders) -> None:
    folders.output.write_text("a file where the folder should be")

    result = run(save(filename_prefix="x"))

    assert isinstance(result.failures[0].error, OutputError)
    assert folders.output.read_text() == "a file where the folder should be"


def test_a_full_disk_leaves_nothing_behind(run: Run, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    result = run(save(filename_prefix="x"))

    assert isinstance(result.failures[0].error, OutputError)
    assert not list(folders.output.iterdir())
