import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inhouse.compat.webp_text import is_webp, read_webp_text

MODEL, MAKE = 0x0110, 0x010F


def picture(tags: dict[int, str]) -> bytes:
    image = Image.new("RGB", (8, 8))
    exif = image.getexif()
    exif.update(tags)
    sink = io.BytesIO()
    image.save(sink, "WEBP", exif=exif, lossless=True)
    return sink.getvalue()


def test_prompt_and_workflow_are_found_in_the_exif_tags() -> None:
    data = picture({MODEL: 'prompt:{"1": {}}', MAKE: 'workflow:{"nodes": []}', 0x013B: "somebody"})
    assert is_webp(data[:12])
    found = read_webp_text(io.BytesIO(data), ("prompt", "workflow"))
    assert found == {"prompt": b'{"1": {}}', "workflow": b'{"nodes": []}'}


def test_a_picture_without_exif_has_no_text() -> None:
    sink = io.BytesIO()
    Image.new("RGB", (8, 8)).save(sink, "WEBP")
    assert read_webp_text(io.BytesIO(sink.getvalue()), ("prompt",)) == {}


@given(st.binary(), st.integers(0, 400), st.integers(0, 255))
def test_damaged_exif_gives_nothing_or_less(tail: bytes, place: int, value: int) -> None:
    data = bytearray(picture({MODEL: "prompt:{}"}))
    data[12 + place % (len(data) - 12)] = value
    assert read_webp_text(io.BytesIO(bytes(data) + tail), ("prompt",)).keys() <= {"prompt"}


@given(st.binary())
def test_any_exif_is_read(data: bytes) -> None:
    chunk = b"EXIF" + len(data).to_bytes(4, "little") + data
    assert isinstance(read_webp_text(io.BytesIO(b"RIFF0000WEBP" + chunk), ("prompt",)), dict)
