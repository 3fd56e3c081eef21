import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inhouse.errors import FileError, ImageError, InhouseError
from inhouse.packs.image.decoding import decode, decode_channel


def saved(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_declares(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_an_opaque_picture_comes_with_an_empty_mask(tmp_path: Path) -> None:
    picture = decode(saved(tmp_path / "a.png", Image.new("RGB", (3, 2), (255, 128, 0))))

    assert picture.image.shape == (1, 2, 3, 3)
    assert picture.image.dtype == torch.float32
    assert torch.allclose(picture.image[0, 0, 0], torch.tensor([1.0, 128 / 255, 0.0]))
    assert picture.mask.equal(torch.zeros(1, 64, 64))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_becomes_an_inverted_mask(tmp_path: Path, mode: str) -> None:
    source = Image.new("RGBA", (3, 2), (10, 10, 10, 255))
    source.putpixel((0, 0), (10, 10, 10, 0))

    picture = decode(
        saved(tmp_path / "a.tiff", source.convert(mode))
        if mode != "PA"
        else saved(tmp_path / "a.png", source.convert("P"))
    )

    assert picture.mask.shape == (1, 2, 3)
    assert picture.mask[0, 0, 0] == 1
    assert picture.mask[0, 1].eq(0).all()


def test_a_palette_gives_its_colours(tmp_path: Path) -> None:
    source = Image.new("P", (2, 1))
    source.putpalette([255, 0, 0, 0, 0, 255])
    source.putpixel((1, 0), 1)

    assert decode(saved(tmp_path / "a.gif", source)).image[0, 0].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_16_bits_keep_their_precision(tmp_path: Path) -> None:
    levels = np.array([[0, 1, 32768, 65535]], dtype=np.uint16)

    picture = decode(saved(tmp_path / "a.png", Image.fromarray(levels)))

    assert torch.allclose(picture.image[0, 0, :, 1], torch.tensor([0, 1 / 65535, 32768 / 65535, 1.0]))


def test_floats_are_clipped(tmp_path: Path) -> None:
    levels = np.array([[-1.0, 0.25, 7.0]], dtype=np.float32)

    assert decode(saved(tmp_path / "a.tiff", Image.fromarray(levels))).image[0, 0, :, 0].tolist() == [0, 0.25, 1]


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "YCbCr"])
def test_other_colour_models_become_rgb(tmp_path: Path, mode: str) -> None:
    white = Image.new("RGB", (4, 4), "white").convert(mode)

    assert decode(saved(tmp_path / "a.tiff", white)).image.min() > 0.98


def test_a_photograph_is_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned clockwise

    assert decode(saved(tmp_path / "a.jpg", Image.new("RGB", (30, 20)), exif=exif)).image.shape == (1, 30, 20, 3)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_an_animation_becomes_a_batch(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "lime", "blue")]

    picture = decode(saved(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], lossless=True))

    assert picture.image[:, 0, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert len(picture.mask) == 3


def test_frames_of_another_size_are_left_out(tmp_path: Path) -> None:
    pages = [Image.new("RGB", size) for size in ((8, 8), (2, 2), (8, 8))]

    assert decode(saved(tmp_path / "a.tiff", pages[0], save_all=True, append_images=pages[1:])).image.shape[0] == 2


def test_a_second_picture_of_a_photograph_is_no_animation(tmp_path: Path) -> None:
    photographs = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]

    assert (
        decode(saved(tmp_path / "a.mpo", photographs[0], save_all=True, append_images=photographs[1:])).image.shape[0]
        == 1
    )


def test_a_channel_can_be_read_alone(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGBA", (2, 2), (51, 102, 153, 204)))

    assert torch.allclose(decode_channel(path, "green"), torch.tensor(102 / 255))
    assert torch.allclose(decode_channel(path, "alpha"), torch.tensor(51 / 255))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_that_declares(100_000, 100_000))

    with pytest.raises(ImageError, match="limit"):
        decode(tmp_path / "bomb.png")


def test_all_frames_together_count(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (10, 10), color) for color in ("red", "lime", "blue")]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])

    with pytest.raises(ImageError, match="10x10 pixels in 3 frames; the limit is 299 pixels"):
        decode(path, max_pixels=299)
    assert len(decode(path, max_pixels=300).image) == 3


def test_a_missing_file_names_what_is_like_it(tmp_path: Path) -> None:
    saved(tmp_path / "kitten.png", Image.new("RGB", (1, 1)))

    with pytest.raises(FileError, match=r"Did you mean 'kitten\.png'"):
        decode(tmp_path / "kiten.png")
    with pytest.raises(FileError, match=r"no picture 'a\.png'"):
        decode(tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize("content", [b"", b"no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)

    with pytest.raises(ImageError, match=r"a\.png is no picture"):
        decode(tmp_path / "a.png")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    whole = saved(tmp_path / "a.png", noise).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ImageError, match=r"a\.png cannot be read"):
        decode(tmp_path / "a.png")


@settings(max_examples=60, deadline=None)
@given(
    suffix=st.sampled_from(["png", "gif", "jpg", "webp", "tiff", "bmp"]),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 10_000),
)
def test_a_hostile_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, changes: list[tuple[int, int]], length: int
) -> None:
    path = tmp_path_factory.mktemp("hostile") / f"a.{suffix}"
    data = bytearray(saved(path, Image.new("RGB", (16, 16), "red")).read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data[: max(1, length % (2 * len(data)))])

    try:
        picture = decode(path, max_pixels=1_000_000)
    except InhouseError:
        return
    assert picture.image.dim() == 4
