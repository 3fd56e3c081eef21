import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from inhouse.errors import NodeInputError, OutputError
from inhouse.packs.image.encoding import animated_png, animated_webp, pictures, png

DOCUMENTS = {"prompt": {"1": {"class_type": "KSampler"}}, "workflow": {"nodes": [], "title": "Blütenweiß"}}


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_channels_decide_the_kind_of_picture(channels: int, mode: str) -> None:
    (picture,) = pictures(torch.full((1, 2, 3, channels), 1.0))

    assert (picture.mode, picture.size) == (mode, (3, 2))
    assert np.asarray(picture).min() == 255


def test_pixels_that_are_no_numbers_are_black_and_told(caplog: pytest.LogCaptureFixture) -> None:
    images = torch.ones(1, 2, 2, 3)
    pictures(images)
    assert not caplog.records
    images[0, 1, 1] = float("nan")
    (picture,) = pictures(images)

    assert picture.getpixel((1, 1)) == (0, 0, 0)
    assert "no numbers" in caplog.text


@pytest.mark.parametrize("shape", [(0, 2, 2, 3), (1, 0, 2, 3), (1, 2, 2, 5)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(NodeInputError, match="no picture"):
        pictures(torch.zeros(shape))


def test_a_png_carries_its_workflow() -> None:
    data = png(pictures(torch.rand(1, 4, 4, 3))[0], DOCUMENTS)

    with Image.open(io.BytesIO(data)) as read:
        assert {name: json.loads(text) for name, text in read.text.items()} == DOCUMENTS  # type: ignore[attr-defined]
    assert data.count(b"tEXt") == 2


def test_a_png_without_documents_has_no_text() -> None:
    assert b"tEXt" not in png(pictures(torch.zeros(1, 4, 4, 3))[0], {})


def test_an_animated_webp_carries_frames_duration_and_workflow() -> None:
    frames = pictures(torch.rand(3, 8, 8, 3))

    data = animated_webp(frames, DOCUMENTS, fps=4, lossless=True, quality=80, method=0)

    with Image.open(io.BytesIO(data)) as read:
        assert read.n_frames == 3  # type: ignore[attr-defined]
        exif = read.getexif()
        read.seek(1)
        read.load()
        assert read.info["duration"] == 250
        assert np.array_equal(np.asarray(read.convert("RGB")), np.asarray(frames[1]))
    assert exif[0x0110] == f"prompt:{json.dumps(DOCUMENTS['prompt'])}"
    assert exif[0x010F] == f"workflow:{json.dumps(DOCUMENTS['workflow'])}"


def test_webp_has_a_longest_side() -> None:
    with pytest.raises(NodeInputError, match="16383"):
        animated_webp(pictures(torch.zeros(1, 1, 16384, 3)), {}, fps=6, lossless=False, quality=1, method=0)


def test_an_animated_png_carries_frames_and_workflow() -> None:
    data = animated_png(pictures(torch.rand(3, 8, 8, 3)), DOCUMENTS, fps=10)

    with Image.open(io.BytesIO(data)) as read:
        assert read.n_frames == 3  # type: ignore[attr-defined]
    assert b"comfprompt\0" + json.dumps(DOCUMENTS["prompt"]).encode() in data


def test_an_encoder_that_gives_up_is_told_as_an_output_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object, **__: object) -> None:
        raise OSError("encoder error -2")

    monkeypatch.setattr(Image.Image, "save", give_up)

    with pytest.raises(OutputError, match="PNG: encoder error -2"):
        png(pictures(torch.zeros(1, 2, 2, 3))[0], {})
