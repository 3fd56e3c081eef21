"""The floor: an ASGI loop that collects a batch and computes it in a thread; no checks, no versions, no anything.

granian --interface asgi bare:app
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from model import MAX_BATCH, embedder

_DELAY = 0.002
_HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}


class Collector:
    """Computes texts in batches: as many as wait once the thread is free, two milliseconds after the first came."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1)
        self._model = embedder()
        self._waiting: list[tuple[str, asyncio.Future[bytes]]] = []
        self._busy = self._planned = False

    def submit(self, text: str) -> asyncio.Future[bytes]:
        """Return what a text's answer will be."""
        future = self._loop.create_future()
        self._waiting.append((text, future))
        self._consider()
        return future

    def _consider(self) -> None:
        if self._busy or not self._waiting:
            return
        if len(self._waiting) >= MAX_BATCH:
            self._begin()
        elif not self._planned:
            self._planned = True
            self._loop.call_later(_DELAY, self._late)

    def _late(self) -> None:
        self._planned = False
        if not self._busy and self._waiting:
            self._begin()

    def _begin(self) -> None:
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        self._busy = True
        work = self._loop.run_in_executor(self._thread, self._compute, [text for text, _ in batch])
        work.add_done_callback(lambda done: self._end(batch, done.result()))

    def _compute(self, texts: list[str]) -> list[bytes]:
        return [orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in self._model(texts)]

    def _end(self, batch: list[tuple[str, asyncio.Future[bytes]]], answers: list[bytes]) -> None:
        self._busy = False
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)
        self._consider()


class App:
    """The application."""

    def __init__(self) -> None:
        self._collector: Collector | None = None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await receive()
            self._collector = Collector()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert self._collector is not None
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = await self._collector.submit(orjson.loads(body)["text"])
        await send(_HEAD)
        await send({"type": "http.response.body", "body": answer})


app = App()
