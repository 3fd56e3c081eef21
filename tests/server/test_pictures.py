from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.server.pictures import picture

from inhouse.errors import ImageError
from inhouse.server import pictures
from inhouse.server.pictures import channel_png, preview, with_alpha_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(picture(size=(8, 6)))
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    ("wanted", "form"),
    [
        ("webp", "WEBP"),
        ("jpeg", "JPEG"),
        ("jpeg;50", "JPEG"),
        ("png", "WEBP"),
        ("", "WEBP"),
        ("jpeg;x", "JPEG"),
        ("webp;9999", "WEBP"),
    ],
)
def test_a_preview_is_of_the_wanted_form_and_the_pictures_size(path: Path, wanted: str, form: str) -> None:
    content, media_type = preview(path, wanted, channel="rgba")
    found = Image.open(io.BytesIO(content))
    assert (found.format, found.size, media_type) == (form, (8, 6), f"image/{form.lower()}")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I", "F", "I;16", "CMYK"])
def test_every_kind_of_picture_has_previews_and_channels(tmp_path: Path, mode: str) -> None:
    form = "TIFF" if mode in ("CMYK", "I", "F") else "PNG"
    Image.new(mode, (5, 5)).save(tmp_path / "a", form)
    for content in (
        preview(tmp_path / "a", "jpeg", channel="rgba")[0],
        channel_png(tmp_path / "a", "rgb"),
        channel_png(tmp_path / "a", "a"),
    ):
        assert Image.open(io.BytesIO(content)).size == (5, 5)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA"])
def test_every_common_format_is_read(tmp_path: Path, form: str) -> None:
    (tmp_path / "a").write_bytes(picture("RGB", size=(16, 16), form=form))
    assert Image.open(io.BytesIO(preview(tmp_path / "a", "webp", channel="rgba")[0])).size == (16, 16)


@pytest.mark.parametrize("mode", ["I", "I;16"])
def test_greys_of_sixteen_bits_are_scaled(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (4, 4), 0x8000).save(tmp_path / "a", "TIFF")
    assert Image.open(io.BytesIO(channel_png(tmp_path / "a", "rgb"))).getpixel((0, 0)) == (128, 128, 128)


def test_a_better_quality_takes_more_bytes(tmp_path: Path) -> None:
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    noise.save(tmp_path / "a.png")
    sizes = [len(preview(tmp_path / "a.png", f"jpeg;{quality}", channel="rgba")[0]) for quality in (10, 50, 95)]
    assert sizes == sorted(sizes)


def test_a_picture_that_unfolds_to_too_much_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 47)
    with pytest.raises(ImageError, match="too many pixels"):
        preview(path, "webp", channel="rgba")


@pytest.mark.parametrize(
    "content",
    [b"", b"not a picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", picture()[:45], b"\x89PNG\r\n\x1a\n"],
)
def test_what_is_no_picture_is_told_apart(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    for attempt in (
        lambda: preview(tmp_path / "a.png", "webp", channel="rgba"),
        lambda: channel_png(tmp_path / "a.png", "a"),
    ):
        with pytest.raises(ImageError) as told:
            attempt()
        assert str(tmp_path) not in str(told.value)


@given(cut=st.integers(0, 70), junk=st.binary(max_size=40))
def test_no_broken_file_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "broken.png"
    path.write_bytes(picture()[:cut] + junk)
    with contextlib.suppress(ImageError):
        assert preview(path, "webp", channel="rgba")[1] == "image/webp"


def test_a_mask_changes_nothing_but_transparency(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("RGB", color=(1, 2, 3), text="{}"))
    found = Image.open(io.BytesIO(with_alpha_of(tmp_path / "a.png", io.BytesIO(picture(color=(9, 9, 9, 44))))))
    assert (found.mode, found.getpixel((0, 0)), found.info["workflow"]) == ("RGBA", (1, 2, 3, 44), "{}")


def test_a_mask_of_another_size_is_refused(path: Path) -> None:
    with pytest.raises(ImageError, match="size"):
        with_alpha_of(path, io.BytesIO(picture()))
