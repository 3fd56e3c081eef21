"""One life of a worker: a process from its start to its end, and the pipe to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from inhouse.engine.events import RunFinished
from inhouse.errors import WorkerEndedError, WorkerLostError, WorkerStartError
from inhouse.workers import messages
from inhouse.workers.child import Child
from inhouse.workers.codec import Decoder, encode_one
from inhouse.workers.log_file import LogFile
from inhouse.workers.pipe import Pipe
from inhouse.workers.questions import Questions

if TYPE_CHECKING:
    import socket

    from inhouse.workers.base import Description, Job, Listener, Worker
    from inhouse.workers.config import WorkerConfig
    from inhouse.workers.messages import Message

_LOG = logging.getLogger(__name__)
_LOOKS = 4
"""Looks at whether there was a sign of life, in the time after which there should have been one."""
_STUBBORN = "did not stop a run"
_PARTING = 5.0
"""Seconds that a process has to end by itself once it was told to, or once its pipe has ended."""


class Life:
    """Keeps a worker's ``ready`` and ``running`` true to its process, and tells the listener of it.

    Args:
        worker: whose life it is.
        config: what it is to be.
        listener: who hears of it.

    """

    def __init__(self, worker: Worker, config: WorkerConfig, listener: Listener) -> None:
        self._worker = worker
        self._config = config
        self._listener = listener
        self._log = LogFile(config.state / "logs" / f"{worker.name}.log")
        self._log_start = self._log.size()
        self._loop = asyncio.get_running_loop()
        self._questions = Questions()
        self._described: asyncio.Future[Description] = self._loop.create_future()
        self._idle = asyncio.Event()
        self._over = asyncio.Event()
        self._heard = True
        self._leaving = False
        self._giving_up: dict[str, asyncio.TimerHandle] = {}
        self._cause = ""
        self._child: Child
        self._pipe: Pipe[Message] | None = None
        self._watch: asyncio.Task[None]

    # -- what the gateway does ----------------------------------------------------------------------------------------

    async def begin(self) -> Description:
        """Start the process, and return what it says of itself once it is ready.

        Raises:
            WorkerStartError: it does not get that far.

        """
        name = self._worker.name
        try:
            self._child, link = await Child.start(self._log, self._config.environment)
        except OSError as error:
            raise WorkerStartError(f"Worker {name} cannot be started: {error}.") from error
        try:
            return await self._become_ready(link)
        except TimeoutError:
            message = f"Worker {name} was not ready after {self._config.start_seconds:g} seconds."
            raise WorkerStartError(message, hint=self._last_words()) from None
        finally:
            if not self._worker.ready:
                await self.end()

    async def _become_ready(self, link: socket.socket) -> Description:
        self._watch = asyncio.create_task(self._outlive())
        self._pipe = await Pipe.open(link, self._hear, self._hung_up, Decoder(), encode_one)
        self._send(messages.Begin(self._worker.name, self._config))
        async with asyncio.timeout(self._config.start_seconds):
            description = await self._described
        self._worker.ready = True
        self._look(0)
        return description

    def submit(self, job: Job) -> None:
        """Run a job."""
        self._check()
        self._worker.running[job.run_id] = None
        self._send(messages.Run(job))

    def cancel(self, run_id: str) -> None:
        """Stop a run that it has, at the latest when its grace is over."""
        if run_id in self._worker.running and run_id not in self._giving_up:
            self._send(messages.Cancel(run_id))
            self._giving_up[run_id] = self._loop.call_later(self._config.grace, self._kill, _STUBBORN)

    async def ask(self, question: str, details: dict[str, Any]) -> Any:
        """Ask something and wait for the answer."""
        self._check()
        return await self._questions.ask(self._send, question, details)

    async def leave(self, grace: float) -> None:
        """Let what runs end for so many seconds, then have the process end; nobody hears of its death."""
        if self._worker.running:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._idle.wait()
        self._worker.ready, self._leaving = False, True
        if not self._worker.running and not self._over.is_set():
            self._send(messages.Leave())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PARTING):
                    await self._over.wait()
        await self.end()

    async def end(self) -> None:
        """End the process now; nobody hears of its death."""
        self._leaving = True
        self._kill("was closed")
        await self._watch

    def _send(self, message: Message) -> None:
        if self._pipe is not None:
            self._pipe.send(message)

    def _check(self) -> None:
        if self._over.is_set() or self._leaving:
            raise WorkerLostError(f"Worker {self._worker.name} is not there.", hint="Try again in a moment.")

    # -- what the process does ----------------------------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        self._heard = True
        match message:
            case messages.Happened(run_id, events):
                if isinstance(events[-1], RunFinished):
                    self._release(run_id)
                if not self._leaving:
                    self._listener.happened(self._worker, run_id, events)
            case messages.Told(told):
                self._listener.told(self._worker, told)
            case messages.Answer() | messages.Refusal():
                self._questions.hear(message)
            case messages.Ready(description) if not self._described.done():
                self._described.set_result(description)
            case messages.Unready(error) if not self._described.done():
                refusal = WorkerStartError(f"Worker {self._worker.name} cannot be started: {error}")
                refusal.__cause__ = error
                self._described.set_exception(refusal)

    def _release(self, run_id: str) -> None:
        self._worker.running.pop(run_id, None)
        if not self._worker.running:
            self._idle.set()
        giving_up = self._giving_up.pop(run_id, None)
        if giving_up is not None:
            giving_up.cancel()

    def _look(self, silent: int) -> None:
        """Look again and again for a sign of life: in steps, as it must not count when the gateway was held up."""
        silent = 0 if self._heard else silent + 1
        self._heard = False
        if silent >= _LOOKS:
            self._kill("gave no sign of life")
        elif not self._over.is_set():
            self._loop.run_in_executor(None, self._log.trim)
            self._loop.call_later(self._config.silence / _LOOKS, self._look, silent)

    # -- its end ------------------------------------------------------------------------------------------------------

    def _kill(self, cause: str) -> None:
        self._cause = self._cause or cause
        self._child.kill()

    def _hung_up(self) -> None:
        """Give a process that closed its pipe a moment to end."""
        self._over.set()
        self._loop.call_later(_PARTING, self._kill, "hung up")

    async def _outlive(self) -> None:
        """Wait for the end of the process, and tell of it after all that it said."""
        await self._child.ended()
        if self._pipe is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PARTING):
                    await self._over.wait()
            self._pipe.abort()
        self._over.set()
        self._bury()

    def _bury(self) -> None:
        worker = self._worker
        was_ready, worker.ready = worker.ready, False
        interrupted = tuple(self._giving_up)
        for run_id in tuple(worker.running):
            self._release(run_id)
        kind = WorkerEndedError if self._cause == _STUBBORN else WorkerLostError
        error = kind(self._obituary(), hint=f"What it printed is in {self._log.path.name}.")
        self._questions.fail(error)
        if not self._described.done():
            words = f"Worker {worker.name} cannot be started: its process {self._child.end}."
            self._described.set_exception(WorkerStartError(words, hint=self._last_words()))
        if was_ready and not self._leaving:
            for run_id in interrupted:
                self._listener.happened(worker, run_id, (RunFinished(run_id, "interrupted"),))
            _LOG.warning("%s", error)
            self._listener.lost(worker, error)

    def _obituary(self) -> str:
        if self._cause:
            return f"Worker {self._worker.name} {self._cause}; its process was ended."
        return f"Worker {self._worker.name} died: its process {self._child.end}."

    def _last_words(self) -> str:
        return self._log.tail(self._log_start)
