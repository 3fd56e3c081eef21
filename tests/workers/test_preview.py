"""Previews: small pictures of what a step has, and few enough of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inhouse.engine.events import NodeProgress, Picture
from inhouse.workers.preview import Previews, encode


def pixels(width: int = 8, height: int = 4) -> Any:
    return np.full((height, width, 3), (200, 100, 50), np.uint8)


def step(made: Any = pixels) -> NodeProgress:
    return NodeProgress("1", "1", 1, 2, made)


def size_of(picture: Any) -> tuple[int, int]:
    return Image.open(io.BytesIO(picture.data)).size


@pytest.mark.parametrize(
    ("given", "limit", "expected"),
    [((64, 64), 512, (512, 512)), ((8, 4), 512, (64, 32)), ((1024, 512), 512, (512, 256)), ((2000, 1), 100, (100, 1))],
)
def test_a_picture_is_fitted_and_a_latent_is_enlarged_at_most_eightfold(
    given: tuple[int, int], limit: int, expected: tuple[int, int]
) -> None:
    assert size_of(encode(pixels(*given), limit)) == expected


def test_it_is_a_jpeg_of_these_pixels() -> None:
    picture = encode(pixels(), 64)
    assert picture.media_type == "image/jpeg"
    image = Image.open(io.BytesIO(picture.data))
    assert image.format == "JPEG"
    assert image.convert("RGB").getpixel((32, 16)) == pytest.approx((200, 100, 50), abs=4)


def test_of_steps_that_follow_at_once_only_the_first_gets_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("inhouse.workers.preview.time.monotonic", lambda: now[0])
    previews = Previews(64, lambda: True)
    assert isinstance(previews.rendered(step()).preview, Picture)
    now[0] += 0.05
    assert previews.rendered(step()).preview is None
    now[0] += 0.06
    assert isinstance(previews.rendered(step()).preview, Picture)


def test_nothing_is_computed_for_nobody() -> None:
    def unwanted() -> Any:
        raise AssertionError("nobody wants it")

    assert Previews(64, lambda: False).rendered(step(unwanted)) == step(None)


def test_a_preview_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> Any:
        raise ValueError("no latent")

    assert Previews(64, lambda: True).rendered(step(failing)) == step(None)
    assert "no latent" in caplog.text


def test_a_step_without_one_and_one_with_a_picture_stay_as_they_are() -> None:
    previews = Previews(64, lambda: True)
    for event in (step(None), step(Picture(b"a", "image/png"))):
        assert previews.rendered(event) is event
