"""A service at an address, called over HTTP by many callers at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from inhouse.errors import RemoteError, UsageError
from inhouse.packs.benchmark.bodies import protocol_of, request_for
from inhouse.packs.benchmark.calling import closed_loop, open_loop
from inhouse.packs.benchmark.model import Variant
from inhouse.packs.benchmark.processes import ProcessTree, listener
from inhouse.packs.benchmark.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import aiohttp

    from inhouse.packs.benchmark.bodies import Request
    from inhouse.packs.benchmark.model import Load, Slice

T = TypeVar("T")

TIMEOUT = 60.0
"""Seconds until a request counts as ``timeout``."""


@dataclass(frozen=True, slots=True)
class Caller:
    """How services are called.

    Attributes:
        token: sent as a bearer's; kept out of every report.
        pid: the service's process; None to look for who listens there on this machine.
        body: a file to send; None to make requests up.
        timeout: seconds until a request is given up.
        seed: of what is made up.

    """

    token: str = ""
    pid: int | None = None
    body: Path | None = None
    timeout: float = TIMEOUT
    seed: int = 0


class ServiceSubject(Subject):
    """Measures a service from outside.

    Args:
        url: where requests are posted; see `inhouse.packs.benchmark.bodies.protocol_of`.
        caller: how.

    """

    shortest = 0.5

    def __init__(self, url: str, caller: Caller) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url} is no address of a service.", hint="Write http://host:port/services/NAME.")
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self.variant = Variant(shown, "service", shown, {"protocol": protocol_of(url)})
        self._url, self._caller, self._host = url, caller, parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: aiohttp.ClientSession | None = None
        self._requests: dict[int, Request] = {}
        self._tree: ProcessTree | None = None
        self._rounds = 0

    def open(self) -> None:
        """See `Subject.open`: reaches the service, and looks for its process."""
        self._loop = asyncio.new_event_loop()
        self._run(self._connect())
        pid = self._caller.pid or listener(self._host, self._port)
        self._tree = ProcessTree(pid) if pid else None
        self.observe()

    def measure(self, load: Load, seconds: float, most: int) -> Slice:
        """See `Subject.measure`."""
        before = self._tree.cpu() if self._tree else None
        self._rounds += 1
        found = self._run(self._measure(load, seconds, most))
        if self._tree and before is not None:
            found.cpu = max(0.0, self._tree.cpu() - before)
        return found

    def observe(self) -> None:
        """See `Subject.observe`: memory of the service's processes."""
        if self._tree is None:
            return
        now, seen = self._tree.memory(), self.variant.memory
        first = seen.get("first", now)
        self.variant.memory = {"first": first, "grown": max(0, now - first), "peak": max(now, seen.get("peak", 0))}

    def close(self) -> None:
        """See `Subject.close`."""
        if self._loop is not None:
            if self._client is not None:
                self._run(self._client.close())
            self._loop.close()
            self._loop = self._client = None

    async def _connect(self) -> None:
        import aiohttp

        headers = {"Authorization": f"Bearer {self._caller.token}"} if self._caller.token else {}
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self._caller.timeout),
        )
        try:
            async with self._client.get(self._url) as answer:  # whatever it says, somebody is there
                await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise RemoteError(
                f"{self.variant.name} cannot be reached.", hint="Is it running, and the port right?"
            ) from error

    async def _measure(self, load: Load, seconds: float, most: int) -> Slice:
        if load.batch not in self._requests:
            self._requests[load.batch] = await request_for(
                self._url, load.batch, self._get, self._caller.body, self._caller.seed
            )
        request = self._requests[load.batch]

        async def send() -> str:
            return await self._send(request)

        if load.rate and seconds:
            return await open_loop(send, load.rate, seconds, most, time.perf_counter, asyncio.sleep, self._rounds)
        return await closed_loop(send, load.concurrency, seconds, most, time.perf_counter)

    async def _send(self, request: Request) -> str:
        import aiohttp

        assert self._client is not None
        try:
            async with self._client.post(request.url, data=request.body, headers=request.headers) as answer:
                await answer.read()
                return "" if answer.status < 400 else str(answer.status)
        except TimeoutError:
            return "timeout"
        except (aiohttp.ClientError, OSError):
            return "connection"

    async def _get(self, url: str) -> Any:
        import aiohttp

        assert self._client is not None
        try:
            async with self._client.get(url) as answer:
                return await answer.json(content_type=None) if answer.status < 400 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return self._loop.run_until_complete(work)
