"""The inside of a worker's process: ``python -m inhouse.workers.host SOCKET PARENT``.

The main thread has an event loop for the pipe, for questions and for what custom packs serve; others run jobs.
Standard output and error are a log: nothing that a node prints gets into the pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from inhouse.engine.events import RunFinished
from inhouse.errors import InhouseError, InternalError
from inhouse.workers.base import PackMessage
from inhouse.workers.codec import Decoder, encode_one
from inhouse.workers.messages import (
    Answer,
    Ask,
    Begin,
    Cancel,
    Happened,
    Leave,
    Ready,
    Refusal,
    Run,
    Told,
    Unready,
)
from inhouse.workers.mortality import die_with, go_first, leave_signals_to_the_gateway
from inhouse.workers.pipe import Pipe
from inhouse.workers.tally import Tally
from inhouse.workers.writer import Writer

if TYPE_CHECKING:
    from inhouse.compat.prompt_server import PackHost
    from inhouse.engine.events import Event
    from inhouse.workers.answers import Answers
    from inhouse.workers.config import WorkerConfig
    from inhouse.workers.messages import Message
    from inhouse.workers.runner import Runner

_LOG = logging.getLogger(__name__)
_ASKED_AT_ONCE = 4
_PARTING = 2.0
_BEATS = 4
"""Signs of life in the time after which a silent worker is given up."""


class Host:
    """Serves one gateway until it lets the worker go, or is gone."""

    def __init__(self) -> None:
        self._left = asyncio.Event()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._asked = ThreadPoolExecutor(_ASKED_AT_ONCE, "inhouse-answers")
        self._tally = Tally()
        self._packs: PackHost
        self._writer: Writer
        self._runner: Runner
        self._answers: Answers

    async def serve(self, link: socket.socket) -> None:
        """Become what the gateway asks for, and do what it says."""
        ours = link.dup()
        await Pipe.open(link, self._heard.put_nowait, _end, Decoder(), encode_one)
        begin = await self._heard.get()
        if not isinstance(begin, Begin):
            raise InternalError(f"The first message is {type(begin).__name__}.")
        self._writer = Writer(ours, begin.config.silence / _BEATS)
        try:
            await self._live(begin.name, begin.config)
        except InhouseError as error:
            self._writer.put(Unready(error))
        self._writer.close(_PARTING)

    async def _live(self, name: str, config: WorkerConfig) -> None:
        from inhouse.compat.prompt_server import PackHost
        from inhouse.workers.answers import Answers
        from inhouse.workers.pack_routes import PackRoutes
        from inhouse.workers.runner import Runner
        from inhouse.workers.session import worker_session

        logging.getLogger("inhouse").addHandler(self._tally)
        host = self._packs = PackHost(say=self._say, loop=asyncio.get_running_loop())
        with worker_session(config, host) as session:
            self._answers = Answers(session, self._tally)
            self._runner = Runner(
                session, config.state / "claims", self._tell, lambda: self._writer.congested, config.runs_at_once
            )
            routes = PackRoutes(session, name, config.state / "sockets")
            self._writer.put(Ready(await routes.open(self._answers.describe())))
            if config.warm:
                threading.Thread(target=_warm_up, name="inhouse-warm-up", daemon=True).start()
            while not isinstance(message := await self._heard.get(), Leave):
                self._obey(message)
            self._runner.close(0)
            await routes.close()

    def _tell(self, run_id: str, event: Event) -> None:
        self._writer.put(Happened(run_id, (event,)))
        if isinstance(event, RunFinished):  # what begins next may kill this process, and shall be blamed for it alone
            self._writer.flush()

    def _say(self, event: str | int, data: Any, client_id: str | None) -> None:
        self._writer.put(Told(PackMessage(event, data, client_id, self._packs.speaking)))

    def _obey(self, message: Message) -> None:
        match message:
            case Run(job):
                self._runner.submit(job)
            case Cancel(run_id):
                self._runner.cancel(run_id)
            case Ask():
                self._asked.submit(self._answer, message)
            case _:
                _LOG.warning("A worker does not know what to do with %s.", type(message).__name__)

    def _answer(self, asked: Ask) -> None:
        try:
            self._writer.put(Answer(asked.number, self._answers.answer(asked.question, asked.details)))
        except InhouseError as error:
            self._writer.put(Refusal(asked.number, error))
        except BaseException as error:  # noqa: BLE001 - a pack's own code, such as a check that exits
            _LOG.exception("The question %r could not be answered.", asked.question)
            self._writer.put(Refusal(asked.number, InternalError(f"{type(error).__name__}: {error}")))


def _end() -> None:
    """End at once: the gateway is gone, and nobody wants what this process has."""
    os._exit(0)


def _warm_up() -> None:
    """Import what nearly every run needs and takes a second to import."""
    with contextlib.suppress(ImportError):
        import PIL.Image
        import torch

        _LOG.debug("Loaded torch %s and Pillow %s.", torch.__version__, PIL.__version__)


def main() -> None:
    """Run a worker over the socket that this process was given."""
    handle, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    go_first()
    leave_signals_to_the_gateway()
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a process that dies loses what it kept
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    link = socket.socket(fileno=handle)
    link.set_inheritable(False)
    asyncio.run(Host().serve(link))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
