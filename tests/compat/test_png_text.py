import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from inhouse.compat import png_text
from inhouse.compat.png_text import SIGNATURE, read_png_text
from inhouse.errors import WorkflowFormatError

KEYWORDS = ("prompt", "workflow")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def read(data: bytes) -> dict[str, bytes]:
    return read_png_text(io.BytesIO(data), KEYWORDS, "a.png")


@pytest.mark.parametrize("method", ["tEXt", "zTXt", "iTXt", "compressed iTXt"])
def test_text_of_every_kind_is_found_behind_the_pixels(method: str) -> None:
    info = PngInfo()
    info.add_text("Comment", "x" * 100)
    if "iTXt" in method:
        info.add_itxt("prompt", '{"a": "é"}', zip=method.startswith("compressed"))
    else:
        info.add_text("prompt", '{"a": "é"}', zip=method == "zTXt")
    sink = io.BytesIO()
    Image.new("RGB", (64, 64)).save(sink, "PNG", pnginfo=info)
    data = sink.getvalue()
    assert read(data) == {"prompt": '{"a": "é"}'.encode()}
    pixels_first = SIGNATURE + chunk(b"IDAT", b"junk") + data[len(SIGNATURE) :]
    assert read(pixels_first) == {"prompt": '{"a": "é"}'.encode()}


def test_a_picture_cut_off_in_its_pixels_still_gives_its_text() -> None:
    data = SIGNATURE + chunk(b"tEXt", b"prompt\0{}") + struct.pack(">I", 10**6) + b"IDATxx"
    assert read(data) == {"prompt": b"{}"}


def test_a_text_cut_off_is_refused() -> None:
    data = SIGNATURE + chunk(b"tEXt", b"prompt\0{'a': 1}")
    with pytest.raises(WorkflowFormatError, match="cut off"):
        read(data[:-6])


def test_a_text_that_would_burst_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = SIGNATURE + chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b" " * 10_000))
    assert len(read(bomb)["prompt"]) == 10_000
    monkeypatch.setattr(png_text, "MAX_BYTES", 9_999)
    with pytest.raises(WorkflowFormatError, match="more than the 9,999 bytes"):
        read(bomb)


@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"IDAT"]), st.binary(max_size=40)), max_size=4))
def test_any_chunks_are_read_or_refused(chunks: list[tuple[bytes, bytes]]) -> None:
    parts = [chunk(kind, b"prompt\0" + data if kind != b"IDAT" else data) for kind, data in chunks]
    with contextlib.suppress(WorkflowFormatError):
        assert read(SIGNATURE + b"".join(parts)).keys() <= {"prompt"}


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(WorkflowFormatError):
        assert read(SIGNATURE + data).keys() <= set(KEYWORDS)
