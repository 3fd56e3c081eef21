"""Questions that wait for an answer from another process."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from inhouse.workers.messages import Answer, Ask, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Questions:
    """Keeps which answer belongs to which question."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, send: Callable[[Ask], None], question: str, details: Mapping[str, Any]) -> Any:
        """Send a question and return its answer; raises what it is refused with, or what ``fail`` was given."""
        number = next(self._numbers)
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        try:
            send(Ask(number, question, details))
            return await answer
        finally:
            del self._open[number]

    def hear(self, message: Answer | Refusal) -> None:
        """Take an answer; one that nobody waits for any more is dropped."""
        answer = self._open.get(message.number)
        if answer is None or answer.done():
            return
        if isinstance(message, Answer):
            answer.set_result(message.value)
        else:
            answer.set_exception(message.error)

    def fail(self, error: Exception) -> None:
        """Leave all questions unanswered."""
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(error)
