"""Answers find the questions that they belong to."""

from __future__ import annotations

import asyncio

import pytest
from tests.workers.kit import go

from inhouse.errors import UsageError, WorkerLostError
from inhouse.workers.messages import Answer, Ask, Refusal
from inhouse.workers.questions import Questions


def test_answers_may_come_in_another_order() -> None:
    async def work() -> None:
        questions, sent = Questions(), list[Ask]()
        asked = [asyncio.create_task(questions.ask(sent.append, name, {})) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        assert [message.question for message in sent] == ["a", "b", "c"]
        questions.hear(Answer(sent[2].number, "C"))
        questions.hear(Refusal(sent[0].number, UsageError("no a")))
        questions.hear(Answer(sent[1].number, None))
        assert await asyncio.gather(*asked[1:]) == [None, "C"]
        with pytest.raises(UsageError, match="no a"):
            await asked[0]

    go(work())


def test_when_nobody_is_left_to_answer_all_fail() -> None:
    async def work() -> None:
        questions = Questions()
        asked = asyncio.create_task(questions.ask(lambda _: None, "a", {}))
        await asyncio.sleep(0)
        questions.fail(WorkerLostError("gone"))
        with pytest.raises(WorkerLostError):
            await asked

    go(work())


def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    async def work() -> None:
        questions, sent = Questions(), list[Ask]()
        asked = asyncio.create_task(questions.ask(sent.append, "a", {}))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        questions.hear(Answer(sent[0].number, 1))
        questions.fail(WorkerLostError("gone"))

    go(work())
