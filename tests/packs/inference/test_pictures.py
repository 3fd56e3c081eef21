from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inhouse.errors import NodeInputError
from inhouse.packs.inference.pictures import (
    decode_images,
    image_to_tensor,
    resize_images,
    scale_pixels,
    tensor_to_image,
)


def png(width: int, height: int, colour: tuple[int, ...] = (255, 0, 0), mode: str = "RGB") -> bytes:
    place = io.BytesIO()
    Image.new(mode, (width, height), colour if len(colour) > 1 else colour[0]).save(place, "PNG")
    return place.getvalue()


def test_pictures_of_any_kind_come_in_the_channels_asked_for() -> None:
    files = [png(4, 3), png(5, 6, (7,), "L"), png(2, 2, (1, 2, 3, 4), "RGBA")]
    assert [picture.shape for picture in decode_images(files=files)] == [(3, 4, 3), (6, 5, 3), (2, 2, 3)]
    assert [picture.shape for picture in decode_images(files=files, channels=1)] == [(3, 4, 1), (6, 5, 1), (2, 2, 1)]


def test_a_picture_is_turned_upright() -> None:
    place = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 2)).save(place, "JPEG", exif=exif)
    assert decode_images(files=[place.getvalue()])[0].shape == (4, 2, 3)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_what_is_no_picture_is_refused_by_its_number(data: bytes) -> None:
    with pytest.raises(NodeInputError, match="Picture 2"):
        decode_images(files=[png(1, 1), data])


def test_the_shorter_side_is_resized_and_the_middle_cut_out() -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 20:] = 255
    (found,) = resize_images(images=[picture], size=10, crop=10, mode="nearest")
    assert found.shape == (10, 10, 3)
    assert (found[:, :5] == 0).all()
    assert (found[:, 5:] == 255).all()
    (whole,) = resize_images(images=[picture[..., :1]], size=10)
    assert whole.shape == (10, 20, 1)


def test_pixels_are_scaled_by_channel() -> None:
    picture = np.full((2, 2, 3), (127, 255, 0), np.uint8)
    tensor = scale_pixels(images=[picture], mean="127, 127, 0", std="128, 128, 1")
    assert tensor.shape == (1, 3, 2, 2)
    assert tensor.dtype == np.float32
    assert tensor[0, :, 0, 0].tolist() == [0, 1, 0]
    assert scale_pixels(images=[picture], mean="0", std="255", layout="NHWC").shape == (1, 2, 2, 3)


@pytest.mark.parametrize(("mean", "std"), [("a", "1"), ("1, 2", "1"), ("0", "0"), ("", "1")])
def test_numbers_that_do_not_fit_are_refused(mean: str, std: str) -> None:
    with pytest.raises(NodeInputError):
        scale_pixels(images=[np.zeros((2, 2, 3), np.uint8)], mean=mean, std=std)


def test_pictures_of_several_sizes_make_no_tensor() -> None:
    with pytest.raises(NodeInputError, match="several sizes"):
        scale_pixels(images=[np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2, 3), np.uint8)])


def test_pictures_of_the_canvas_become_tensors_and_come_back() -> None:
    image = torch.rand(2, 4, 5, 3)
    assert torch.equal(tensor_to_image(tensor=image_to_tensor(image=image)), image)
    assert tensor_to_image(tensor=np.ones((1, 1, 2, 2), np.float32)).shape == (1, 2, 2, 3)
    with pytest.raises(NodeInputError, match="no pictures"):
        tensor_to_image(tensor=np.ones((1, 2), np.float32))
