"""Pictures into tensors."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inhouse.errors import ImageError, NodeInputError
from inhouse.packs.inference import pictures


def _png(width: int, height: int, mode: str = "RGB") -> bytes:
    content = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(content, "PNG")
    return content.getvalue()


def test_pictures_come_upright_and_in_as_many_channels_as_wanted() -> None:
    assert pictures.decode(_png(4, 3), 3).shape == (3, 4, 3)
    assert pictures.decode(_png(4, 3, "P"), 1).shape == (3, 4, 1)
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter (Exif 2.32, orientation)
    Image.new("RGB", (4, 3)).save(content, "JPEG", exif=exif)
    assert pictures.decode(content.getvalue(), 3).shape == (4, 3, 3)


@given(st.binary(max_size=60))
def test_what_is_no_picture_is_told(content: bytes) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        pictures.decode(content, 3)


def test_a_truncated_picture_and_one_of_too_many_pixels_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        pictures.decode(_png(64, 64)[:-40], 3)
    monkeypatch.setattr(pictures, "MAX_PIXELS", 10)
    with pytest.raises(ImageError, match="4 x 3 pixels"):
        pictures.decode(_png(4, 3), 3)


def test_the_shorter_side_is_resized_and_the_middle_cut_out() -> None:
    picture = pictures.decode(_png(40, 20), 3)
    assert pictures.resize(picture, 10, 8, "bicubic").shape == (8, 8, 3)
    assert pictures.resize(picture, 0, 16, "bilinear").shape == (16, 16, 3)
    assert pictures.resize(picture[:, :, :1], 10, 10, "nearest").shape == (10, 10, 1)
    with pytest.raises(NodeInputError, match="too narrow"):
        pictures.resize(np.zeros((1, 5000, 3), np.uint8), 224, 224, "bicubic")


def test_pixels_are_scaled_by_channel_in_either_layout() -> None:
    picture = np.full((2, 3, 3), 127, np.uint8)
    found = pictures.scale([picture, picture], [127, 126, 125], [128], "NCHW")
    assert found.shape == (2, 3, 2, 3)
    assert found.dtype == np.float32
    assert found[0, :, 0, 0].tolist() == [0, 1 / 128, 2 / 128]
    assert pictures.scale([picture], [0], [1], "NHWC").shape == (1, 2, 3, 3)
    for mean, std, said in (([1, 2], [1], "2 values for 3"), ([1], [0], "divide")):
        with pytest.raises(NodeInputError, match=said):
            pictures.scale([picture], mean, std, "NCHW")
    with pytest.raises(NodeInputError, match="several sizes"):
        pictures.scale([picture, picture[:1]], [0], [1], "NCHW")
    with pytest.raises(NodeInputError, match="no list of numbers"):
        pictures.numbers("1, two", "mean")
