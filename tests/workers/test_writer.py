"""The writer's thread sends what others say."""

from __future__ import annotations

import socket

import pytest

from inhouse.workers.codec import Decoder
from inhouse.workers.messages import Answer, Beat, Message
from inhouse.workers.writer import Writer


@pytest.mark.parametrize("blocking", [True, False])
def test_everything_arrives_in_order_even_if_it_is_read_slowly(*, blocking: bool) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(blocking)
    with ours, theirs:
        writer = Writer(ours, 60)
        sent: list[Message] = [Answer(number, "x" * 10_000) for number in range(200)]
        for message in sent:
            writer.put(message)
        assert writer.congested, "two megabytes are more than a socket holds"
        decoder, arrived = Decoder(), list[Message]()
        while len(arrived) < len(sent):
            arrived += decoder.feed(theirs.recv(65536))
        assert arrived == sent
        writer.close(60)
        assert not writer.congested


def test_closing_sends_what_is_waiting_first() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            writer = Writer(ours, 60)
            writer.put(Answer(1, "last words"))
            writer.close(60)
        assert list(Decoder().feed(theirs.recv(65536))) == [Answer(1, "last words")]


def test_a_reader_that_is_gone_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        writer = Writer(ours, 60)
        writer.put(Answer(1, 1))
        writer.close(60)
        writer.put(Answer(2, 2))


def test_when_there_is_nothing_to_say_it_says_that_it_lives() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = Writer(ours, 0.001)
        decoder, arrived = Decoder(), list[Message]()
        while len(arrived) < 3:
            arrived += decoder.feed(theirs.recv(65536))
        assert set(arrived) == {Beat()}
        writer.close(60)


def test_who_has_said_the_last_can_see_to_it_that_all_is_sent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = Writer(ours, 60)
        sent: list[Message] = [Answer(number, number) for number in range(3)]
        for message in sent:
            writer.put(message)
        writer.flush()
        decoder, arrived = Decoder(), list[Message]()
        while len(arrived) < len(sent):  # in as many pieces as the thread made of it
            arrived += decoder.feed(theirs.recv(65536))
        assert arrived == sent
        writer.close(60)
