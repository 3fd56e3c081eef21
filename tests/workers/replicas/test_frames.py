"""Frames between a gateway and a replica."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.workers.replicas.frames import MAX_FRAME, Decoder, Link, Message, decode, encode
from inhouse.workers.replicas.messages import (
    Batch,
    Blob,
    Done,
    Failed,
    Halt,
    Loaded,
    Open,
    Outcome,
    Part,
    Piece,
)

_numbers = st.integers(-(2**53), 2**53)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_json: Any = st.recursive(
    st.none() | st.booleans() | _numbers | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_files = st.builds(Blob, st.just("file"), st.just(()), st.binary(max_size=20))
_tensors = st.builds(Blob, st.sampled_from(["float32", "int64"]), st.tuples(st.integers(0, 9)), st.binary(max_size=40))
_values = _json | _tensors | st.lists(_files, min_size=1, max_size=3)
_objects = st.dictionaries(_texts, _json, max_size=3)
_parts = st.builds(
    Part,
    _numbers,
    _numbers,
    st.dictionaries(_texts, _values, max_size=3),
    st.sampled_from(["json", "binary"]),
    _objects,
)
_outcomes = st.builds(
    Outcome,
    _numbers,
    st.dictionaries(_texts, st.binary(max_size=30) | _tensors | _files, max_size=3),
    st.none() | _objects,
)
_seconds = st.floats(0, 1e6)
messages = st.one_of(
    st.builds(Batch, _numbers, st.lists(_parts, max_size=3), st.booleans()),
    st.builds(Done, _numbers, st.lists(_outcomes, max_size=3), _seconds),
    st.builds(Piece, _numbers, _objects, st.booleans(), st.none() | _objects),
    st.builds(Halt, _numbers),
    st.builds(Loaded, _numbers, _numbers, _seconds),
    st.builds(Failed, _objects),
    st.builds(Open, _texts, _numbers, _texts, st.booleans()),
)


@given(st.lists(messages, max_size=4), st.integers(1, 64))
def test_whatever_is_sent_arrives_whole_in_pieces_of_any_size(sent: list[Message], step: int) -> None:
    stream = b"".join(map(encode, sent))
    decoder = Decoder()
    heard = [found for place in range(0, len(stream), step) for found in decoder.feed(stream[place : place + step])]
    assert heard == sent


@given(messages)
def test_both_ends_say_the_same_through_a_socket(message: Message) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Link(ours).send(message)
        assert Link(theirs).receive() == message


def test_a_frame_larger_than_the_socket_holds_arrives_and_a_closed_socket_is_the_end() -> None:
    ours, theirs = socket.socketpair()
    large = Batch(1, [Part(1, 1, {"x": Blob("uint8", (3_000_000,), bytes(3_000_000))})])
    with theirs:
        sender = threading.Thread(target=Link(ours).send, args=(large,))
        sender.start()
        assert Link(theirs).receive() == large
        sender.join()
        ours.close()
        assert Link(theirs).receive() is None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_frame_are_refused_and_nothing_else_happens(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert all(found is not None for found in Decoder().feed(data))


@given(_json, st.binary(max_size=30))
def test_a_header_that_is_no_message_is_refused(header: object, blobs: bytes) -> None:
    text = orjson.dumps(header)
    with pytest.raises(ValueError, match=r".+"):
        decode(text + blobs, len(text))


@pytest.mark.parametrize(
    "header",
    [
        ["batch", [], 1, False, [[1, 1, {"x": ["t", 0, "float32", [1]]}, "json", {}]]],
        ["batch", [4], 1, False, [[1, 1, {"x": ["t", -1, "float32", [1]]}, "json", {}]]],
        ["batch", [4], 1, False, [[1, 1, {"x": ["t", 0, "float32", [-1]]}, "json", {}]]],
        ["batch", [4], 1, False, [[1, 1, {"x": ["f", [1]]}, "json", {}]]],
        ["batch", [4], 1, False, [[1, 1, {"x": ["?", 0]}, "json", {}]]],
        ["batch", [4], "1", False, []],
        ["batch", [-4], 1, False, []],
        ["batch", [5], 1, False, []],
        ["batch", [3], 1, False, []],
        ["batch", [4], 1, False, [[1, 1, {}, "json", []]]],
        ["done", [4], 1, 0.1, [[1, {"x": 1}, None]]],
        ["halt", [4], "1"],
        ["nothing", [4]],
    ],
)
def test_a_message_that_refers_to_what_is_not_there_is_refused(header: list[Any]) -> None:
    text = orjson.dumps(header)
    with pytest.raises(ValueError, match="frame"):
        decode(text + bytes(4), len(text))


def test_json_that_looks_like_a_blob_stays_json() -> None:
    tricky = Batch(1, [Part(1, 1, {"x": ["t", 0, "float32", [1]], "y": [["f", [0]]]})])
    assert list(Decoder().feed(encode(tricky))) == [tricky]


def test_what_is_too_large_or_no_json_is_not_sent() -> None:
    with pytest.raises(ValueError, match="larger"):
        encode(Batch(1, [Part(1, 1, {"x": Blob("uint8", (1,), memoryview(bytes(MAX_FRAME)))})]))
    with pytest.raises(ValueError, match="cannot be sent"):
        encode(Piece(1, {"x": object()}))
    with pytest.raises(ValueError, match="no frame"):
        list(Decoder().feed(b"\xff" * 8))
