"""What crosses the pipe arrives as it was sent, in whatever pieces, and junk is refused."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.engine.events import NodeFinished, NodeProgress, NodeStarted, Picture
from inhouse.workers.codec import MAX_FRAME, Decoder, encode
from inhouse.workers.messages import Answer, Beat, Cancel, Happened, Message

TEXTS = st.text(alphabet=st.characters(exclude_categories=()))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)
EVENTS = st.one_of(
    st.builds(NodeStarted, TEXTS, TEXTS),
    st.builds(NodeFinished, TEXTS, TEXTS, st.none() | st.dictionaries(TEXTS, JSON, max_size=3), st.just(0.5)),
    st.builds(NodeProgress, TEXTS, TEXTS, st.just(1), st.just(2.0), st.none() | st.builds(Picture, st.binary(), TEXTS)),
)
MESSAGES = st.one_of(
    st.builds(Happened, TEXTS, st.lists(EVENTS, min_size=1, max_size=4).map(tuple)),
    st.builds(Cancel, TEXTS),
    st.builds(Answer, st.integers(0, 99), JSON),
    st.just(Beat()),
)


def shown(value: Any) -> Any:
    """Return what arrives of something that a node shows."""
    [message] = Decoder().feed(encode([Happened("run", (NodeFinished("1", "1", {"v": value}, 0.0),))]))
    assert isinstance(message, Happened)
    event = message.events[0]
    assert isinstance(event, NodeFinished)
    assert event.ui is not None
    return event.ui["v"]


@given(st.lists(st.lists(MESSAGES, max_size=4), max_size=4), st.integers(1, 64))
def test_messages_arrive_in_order_in_pieces_of_any_size(frames: list[list[Message]], size: int) -> None:
    data = b"".join(encode(frame) for frame in frames)
    decoder = Decoder()
    arrived = [message for i in range(0, len(data), size) for message in decoder.feed(data[i : i + size])]
    assert arrived == [message for frame in frames for message in frame]


@given(st.binary(max_size=200))
def test_junk_is_refused_and_never_anything_else(junk: bytes) -> None:
    with contextlib.suppress(ValueError):
        list(Decoder().feed(junk))


@given(st.data())
def test_a_frame_that_was_tampered_with_is_refused_or_read(data: st.DataObject) -> None:
    frame = bytearray(encode([Happened("run", (NodeProgress("1", "1", 1, 2, Picture(b"abc", "image/png")),))]))
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        list(Decoder().feed(bytes(frame)))


def test_a_frame_too_large_to_be_one_is_refused_before_it_is_waited_for() -> None:
    with pytest.raises(ValueError, match="no frame"):
        list(Decoder().feed(bytes([1]) + MAX_FRAME.to_bytes(4) + (1).to_bytes(4)))


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (2**70, 2**70),
        (2**64 - 1, 2**64 - 1),
        ("\ud800", "\ud800"),
        ((1, 2), [1, 2]),
        ({1}, [1]),
        ({1: 2, None: 3}, {"1": 2, "null": 3}),
        (np.float32(0.5), 0.5),
        (np.arange(3), [0, 1, 2]),
        (b"bytes", "b'bytes'"),
        (Picture(b"a", "image/png"), {"data": "b'a'", "media_type": "image/png"}),
    ],
)
def test_what_json_does_not_know_goes_as_something_that_it_knows(value: object, arrives: object) -> None:
    assert shown(value) == arrives


def test_no_number_is_null_and_a_large_array_a_text() -> None:
    assert shown(math.nan) is None
    assert isinstance(shown(np.zeros(2**20)), str)


def test_a_circle_or_a_tower_is_cut_off() -> None:
    circle: list[Any] = []
    circle.append(circle)
    tower: list[Any] = []
    for _ in range(5000):
        tower = [tower]
    for value in (circle, tower):
        found = shown(value)
        while isinstance(found, list):
            found = found[0]
        assert found == "..."
