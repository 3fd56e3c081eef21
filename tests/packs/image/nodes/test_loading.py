from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inhouse.errors import FileError, PathEscapeError, WorkflowInvalidError
from inhouse.files import Folders

Run = Callable[..., Any]


def picture(path: Path, color: str = "red", mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (4, 2), color).save(path)


def load(name: str, kind: str = "LoadImage", **inputs: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "1": (kind, {"image": name, **inputs}),
        "2": ("MaskPreview", {"mask": ("1", 1 if kind != "LoadImageMask" else 0)}),
    }


def test_a_picture_of_the_input_folder_is_loaded(run: Run, folders: Folders) -> None:
    picture(folders.input / "a.png")

    result = run(
        {"1": ("LoadImage", {"image": "a.png"}), "2": ("SaveImage", {"images": ("1", 0), "filename_prefix": "x"})}
    )

    assert result.status == "success"
    with Image.open(folders.output / "x_00001_.png") as saved:
        assert saved.getpixel((0, 0)) == (255, 0, 0)


def test_a_mask_is_loaded(run: Run, folders: Folders) -> None:
    picture(folders.input / "a.png")

    result = run(load("a.png", "LoadImageMask", channel="red"))

    assert result.status == "success"


def test_a_file_that_is_not_offered_is_a_fault_of_the_workflow(run: Run, folders: Folders) -> None:
    picture(folders.input / "kitten.png")

    with pytest.raises(WorkflowInvalidError, match="kitten"):
        run(load("kiten.png"))


def test_a_new_picture_of_the_same_name_is_loaded_again(run: Run, folders: Folders) -> None:
    picture(folders.input / "a.png", "red")
    nodes = {"1": ("LoadImage", {"image": "a.png"}), "2": ("SaveImage", {"images": ("1", 0), "filename_prefix": "x"})}
    run(nodes)
    assert "2" in run(nodes).cached, "what did not change is not saved again"

    picture(folders.input / "a.png", "blue")
    run(nodes)

    with Image.open(folders.output / "x_00002_.png") as saved:
        assert saved.getpixel((0, 0)) == (0, 0, 255)


def test_a_picture_of_the_output_folder_is_loaded(run: Run, folders: Folders) -> None:
    picture(folders.output / "sub" / "a.png")

    assert run(load("sub/a.png", "LoadImageOutput")).status == "success"
    assert run(load("sub/a.png [output]", "LoadImageOutput")).status == "success"


@pytest.mark.parametrize(
    ("name", "error"), [("../secret.png", PathEscapeError), ("/etc/passwd", PathEscapeError), ("none.png", FileError)]
)
def test_a_path_that_leaves_the_folder_is_an_error(run: Run, name: str, error: type[Exception]) -> None:
    result = run(load(name, "LoadImageOutput"))

    assert result.status == "error"
    assert type(result.failures[0].error) is error
