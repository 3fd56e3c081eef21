"""A replica as its gateway has it: a process that may crash, hang or be killed, and the gateway stays."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from inhouse.errors import RequestError, WorkerLostError, WorkerStartError
from inhouse.workers.child import Child
from inhouse.workers.errors_as_data import read_error
from inhouse.workers.log_file import LogFile
from inhouse.workers.pipe import Pipe
from inhouse.workers.replicas.frames import Decoder, encode
from inhouse.workers.replicas.messages import Batch, Done, Failed, Halt, Loaded, Open, Piece

if TYPE_CHECKING:
    from inhouse.workers.replicas.frames import Message

    Waiting: TypeAlias = asyncio.Future[Done] | asyncio.Queue["Piece | WorkerLostError"]

_LOG = logging.getLogger(__name__)
_MODULE: Final = "inhouse.workers.replicas.host"
_LOOKS: Final = 4
"""Looks at whether something was heard, in the time after which a batch is given up."""
_PARTING: Final = 5.0
"""Seconds that a process has to end by itself once its pipe was closed."""


@dataclass(frozen=True, slots=True)
class ReplicaOptions:
    """How a replica is to be.

    Attributes:
        environment: variables for it besides the gateway's own, such as those that show it one accelerator.
        threads: of its session; 0 for what the artifact says.
        batch_seconds: without an answer, while it has something to do, after which it is killed.
        start_seconds: how long it may take to be ready.
        cache: where its runtime may keep what it compiles.
        warm: whether it answers once before it is ready.

    """

    environment: Mapping[str, str] = field(default_factory=dict)
    threads: int = 0
    batch_seconds: float = 120.0
    start_seconds: float = 300.0
    cache: Path | None = None
    warm: bool = True


class Replica:
    """One process that answers batches; made and used on an event loop.

    Args:
        name: unique in a gateway; its log is called so.
        folder: the artifact.
        state: below it, its log lies in ``logs``.
        options: how it is to be.

    Attributes:
        ready: whether it takes batches.
        ended: gets how the process ended, once it has.

    """

    def __init__(self, name: str, folder: Path, state: Path, options: ReplicaOptions | None = None) -> None:
        self.name = name
        self.ready = False
        self._folder = folder
        self._options = options or ReplicaOptions()
        self._log = LogFile(state / "logs" / f"{name}.log")
        self._log_start = self._log.size()
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._loaded: asyncio.Future[Loaded] = self._loop.create_future()
        self._idle = asyncio.Event()
        self._flying: dict[int, Waiting] = {}
        self._heard = True
        self._cause = ""
        self._child: Child | None = None
        self._pipe: Pipe[Message] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._looking: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int:
        """Its process; 0 before there is one."""
        return self._child.pid if self._child else 0

    @property
    def given(self) -> int:
        """How many batches and streams it has on their way."""
        return len(self._flying)

    async def start(self) -> Loaded:
        """Start the process and wait until it is ready.

        Raises:
            WorkerStartError: it does not get that far; why is said.

        """
        try:
            self._child, link = await Child.start(self._log, self._options.environment, _MODULE)
        except OSError as error:
            raise WorkerStartError(f"Replica {self.name} cannot be started: {error}.") from error
        self._watch = asyncio.create_task(self._outlive(self._child))
        try:
            self._pipe = await Pipe.open(link, self._hear, self._hung_up, Decoder(), encode)
            self._send(self._opening())
            async with asyncio.timeout(self._options.start_seconds):
                loaded = await self._loaded
        except TimeoutError:
            message = f"Replica {self.name} was not ready after {self._options.start_seconds:g} seconds."
            raise WorkerStartError(message, hint=self._last_words()) from None
        else:
            self.ready = True
            self._look(0)
            return loaded
        finally:
            if not self.ready:
                await self._end("was closed")

    async def run(self, batch: Batch) -> Done:
        """Compute a batch; several may be on their way.

        Raises:
            RequestError: it is larger than a message may be.
            WorkerLostError: the process died; nothing of the batch is known.

        """
        self._check()
        answer: asyncio.Future[Done] = self._loop.create_future()
        self._fly(batch, answer)
        return await answer

    async def stream(self, batch: Batch) -> AsyncIterator[Piece]:
        """Yield what comes of a batch of one part, up to the piece that is the last; closing it halts the work.

        Raises:
            WorkerLostError: the process died.

        """
        self._check()
        pieces: asyncio.Queue[Piece | WorkerLostError] = asyncio.Queue()
        self._fly(batch, pieces)
        last = False
        try:
            while not last:
                piece = await pieces.get()
                if isinstance(piece, WorkerLostError):
                    last = True
                    raise piece
                last = piece.last
                yield piece
        finally:
            if not last:
                self._send(Halt(batch.id))

    async def close(self, grace: float) -> None:
        """Let what it has end for ``grace`` seconds, then end the process."""
        self.ready = False
        if self._flying:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._idle.wait()
        if self._pipe is not None and not self._flying:
            self._pipe.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PARTING):
                    await asyncio.shield(self.ended)
        await self._end("was closed")

    # -- what it says -------------------------------------------------------------------------------------------------

    def _opening(self) -> Open:
        options = self._options
        cache = str(options.cache.absolute()) if options.cache else ""
        return Open(str(self._folder.absolute()), options.threads, cache, options.warm)

    def _fly(self, batch: Batch, waiting: Waiting) -> None:
        try:
            data = encode(batch)
        except ValueError as error:
            raise RequestError(f"The call cannot be passed on: {error}", hint="Send less at once.") from error
        if not self._flying:
            self._heard = True
        self._flying[batch.id] = waiting
        if self._pipe is not None:
            self._pipe.write(data)

    def _send(self, message: Message) -> None:
        if self._pipe is not None:
            self._pipe.send(message)

    def _check(self) -> None:
        if not self.ready:
            raise WorkerLostError(f"Replica {self.name} is not there.", hint="Try again in a moment.")

    def _hear(self, message: Message) -> None:
        self._heard = True
        match message:
            case Done(number):
                waiting = self._flying.pop(number, None)
                if isinstance(waiting, asyncio.Future) and not waiting.done():
                    waiting.set_result(message)
            case Piece(number, _, last):
                waiting = self._flying.get(number)
                if isinstance(waiting, asyncio.Queue):
                    waiting.put_nowait(message)
                if last:
                    self._flying.pop(number, None)
            case Loaded() if not self._loaded.done():
                self._loaded.set_result(message)
            case Failed(error) if not self._loaded.done():
                cause = read_error(error)
                refusal = WorkerStartError(f"Replica {self.name} cannot be started: {cause}")
                refusal.__cause__ = cause
                self._loaded.set_exception(refusal)
        if not self._flying:
            self._idle.set()

    def _look(self, silent: int) -> None:
        """Look again and again for an answer: in steps, as it must not count when the gateway was held up."""
        silent = 0 if self._heard or not self._flying else silent + 1
        self._heard = False
        if silent >= _LOOKS:
            self._kill(f"gave no answer for {self._options.batch_seconds:g} seconds")
        elif not self.ended.done():
            self._loop.run_in_executor(None, self._log.trim)
            self._looking = self._loop.call_later(self._options.batch_seconds / _LOOKS, self._look, silent)

    # -- its end ------------------------------------------------------------------------------------------------------

    async def _end(self, cause: str) -> None:
        self._kill(cause)
        if self._watch is not None:
            await self._watch

    def _kill(self, cause: str) -> None:
        self._cause = self._cause or cause
        if self._child is not None:
            self._child.kill()

    def _hung_up(self) -> None:
        """Take no more; give a process that closed its pipe a moment to end."""
        self.ready = False
        self._loop.call_later(_PARTING, self._kill, "hung up")

    async def _outlive(self, child: Child) -> None:
        await child.ended()
        self.ready = False
        how = f"{self._cause}; its process was ended" if self._cause else f"died: its process {child.end}"
        error = WorkerLostError(f"Replica {self.name} {how}.", hint=f"What it printed is in {self._log.path.name}.")
        if self._pipe is not None:
            self._pipe.close()
        if self._looking is not None:
            self._looking.cancel()
        for waiting in self._flying.values():
            if isinstance(waiting, asyncio.Queue):
                waiting.put_nowait(error)
            elif not waiting.done():
                waiting.set_exception(error)
        self._flying.clear()
        self._idle.set()
        if not self._loaded.done():
            words = f"Replica {self.name} cannot be started: its process {child.end}."
            self._loaded.set_exception(WorkerStartError(words, hint=self._last_words()))
            self._loaded.exception()  # nobody may be waiting any more
        self.ended.set_result(how)

    def _last_words(self) -> str:
        return self._log.tail(self._log_start)
