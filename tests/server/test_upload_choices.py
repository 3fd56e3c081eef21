from pathlib import Path
from typing import Any

import pytest

from inhouse.files import Folders
from inhouse.server.upload_choices import Uploads, declared


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    for name in ("a.png", "b.mp4", "c.wav", "d.txt", "sub/e.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return Uploads(Folders(tmp_path, tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("given", "choices"),
    [
        ([["x.png"]], ["x.png"]),
        ([["x.png"], {"image_upload": True}], ["a.png"]),
        ([["x.png", "sub/e.png"], {"image_upload": True}], ["a.png", "sub/e.png"]),
        (["COMBO", {"options": ["x"], "video_upload": True}], ["b.mp4"]),
        ([[], {"audio_upload": True}], ["c.wav"]),
        ([["o.png"], {"image_upload": True, "image_folder": "output"}], ["o.png"]),
        (["INT"], []),
        (None, []),
    ],
)
def test_uploads_are_listed_where_they_fit(uploads: Uploads, given: Any, choices: list[str]) -> None:
    assert list(uploads.choices(given)) == choices


def test_an_entry_is_told_with_the_uploads(uploads: Uploads) -> None:
    entry = {
        "input": {
            "required": {"image": [[], {"image_upload": True}], "n": ["INT"]},
            "optional": {"film": ["COMBO", {"options": [], "video_upload": True}]},
        },
        "name": "X",
    }
    told = uploads.in_entry(entry)
    assert told == {
        "input": {
            "required": {"image": [["a.png"], {"image_upload": True}], "n": ["INT"]},
            "optional": {"film": ["COMBO", {"options": ["b.mp4"], "video_upload": True}]},
        },
        "name": "X",
    }
    assert entry["input"]["required"]["image"][0] == []  # type: ignore[index] # the description itself stays
    assert list(declared(told)) == ["film", "image", "n"]


def test_a_folder_that_is_not_there_has_no_uploads(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert list(Uploads(Folders(gone, gone, gone)).choices([[], {"image_upload": True}])) == []
