"""Threads hand messages to an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from tests.workers.kit import go

from inhouse.engine.events import NodeStarted
from inhouse.workers.messages import Answer, Happened, Message
from inhouse.workers.outbox import Outbox


def test_messages_of_several_threads_arrive_each_once_and_in_each_threads_order() -> None:
    async def work() -> None:
        arrived: list[Message] = []
        done = asyncio.Event()

        def deliver(messages: Sequence[Message]) -> None:
            arrived.extend(messages)
            if len(arrived) == 400:
                done.set()

        outbox = Outbox(asyncio.get_running_loop(), deliver)

        def speak(speaker: int) -> None:
            for number in range(100):
                outbox.put(Answer(speaker, number))

        threads = [threading.Thread(target=speak, args=(speaker,)) for speaker in range(4)]
        for thread in threads:
            thread.start()
        await done.wait()
        for speaker in range(4):
            said = [message.value for message in arrived if isinstance(message, Answer) and message.number == speaker]
            assert said == list(range(100))

    go(work())


def test_what_is_waiting_goes_together() -> None:
    async def work() -> None:
        pieces: list[Sequence[Message]] = []
        outbox = Outbox(asyncio.get_running_loop(), pieces.append)
        event = NodeStarted("1", "1")
        for _ in range(3):
            outbox.put(Happened("run", (event,)))
        await asyncio.sleep(0)
        assert pieces == [[Happened("run", (event,) * 3)]]

    go(work())


def test_a_loop_that_is_closed_hears_nothing_and_nobody_fails() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    heard: list[Sequence[Message]] = []
    Outbox(loop, heard.append).put(Answer(1, 1))
    assert heard == []
