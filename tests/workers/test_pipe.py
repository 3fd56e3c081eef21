"""The pipe, as an event loop has it."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.workers.kit import go

from inhouse.workers.codec import Decoder, encode, encode_one
from inhouse.workers.messages import Answer, Beat, Cancel, Message
from inhouse.workers.pipe import Pipe


class Side:
    """One side of a pipe, and what it heard."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.ended = asyncio.Event()

    async def open(self, link: socket.socket) -> Pipe[Message]:
        return await Pipe.open(link, self.heard.put_nowait, self.ended.set, Decoder(), encode_one)


def test_both_sides_speak_and_hear_and_learn_of_the_end() -> None:
    async def work() -> None:
        sockets, left, right = socket.socketpair(), Side(), Side()
        one, other = await left.open(sockets[0]), await right.open(sockets[1])
        one.send(Cancel("run"))
        one.send(Beat())
        other.send(Answer(1, "x" * 1_000_000))
        assert [await right.heard.get(), await right.heard.get()] == [Cancel("run"), Beat()]
        assert await left.heard.get() == Answer(1, "x" * 1_000_000)
        one.abort()
        await left.ended.wait()
        await right.ended.wait()
        other.send(Beat())
        one.send(Beat())

    go(work())


def test_what_is_no_message_ends_it_after_all_that_were(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        side = Side()
        await side.open(ours)
        # all in one piece: what stands before the junk counts
        theirs.sendall(encode([Beat()]) + b"Segmentation fault, says somebody who found the pipe\n")
        assert await side.heard.get() == Beat()
        await side.ended.wait()
        theirs.close()

    go(work())
    assert "no frame" in caplog.text
