from pathlib import Path

import numpy as np
from PIL import Image

from inhouse.compat.io_ui import PreviewText, SavedImages, SavedResult, preview_image
from inhouse.files import Folders


def test_a_preview_saves_every_picture_of_a_batch(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "input", tmp_path / "output", tmp_path / "temp")
    shown = preview_image(folders)(np.full((2, 4, 6, 3), 0.5, dtype=np.float32)).as_dict()["images"]
    assert [item["type"] for item in shown] == ["temp", "temp"]
    for item in shown:
        with Image.open(folders.temp / item["filename"]) as picture:
            assert (picture.size, picture.getpixel((0, 0))) == ((6, 4), (127, 127, 127))


def test_results_read_as_clients_expect() -> None:
    saved = SavedResult("a.png", "sub", "output")
    assert SavedImages([saved]).as_dict() == {"images": [{"filename": "a.png", "subfolder": "sub", "type": "output"}]}
    assert SavedImages([], is_animated=True).as_dict()["animated"] == (True,)
    assert PreviewText("x").as_dict() == {"text": ("x",)}
