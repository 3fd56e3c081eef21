"""A worker's process as its gateway starts and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.workers.log_file import LogFile


class Child:
    """A process, and all that it starts: nodes may start some of their own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls, log: LogFile, environment: Mapping[str, str], module: str = "inhouse.workers.host"
    ) -> tuple[Child, socket.socket]:
        """Start a process; return it and our end of its pipe.

        Args:
            log: where its output goes.
            environment: variables for it besides our own.
            module: what runs in it, given the number of its socket and of our process.

        Raises:
            OSError: it cannot be started.

        """
        ours, theirs = socket.socketpair()
        try:
            with theirs, log.opened() as output:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid())),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # Ctrl-C is the gateway's business
                    env={**_environment(os.environ), **environment},
                )
        except BaseException:
            ours.close()
            raise
        return cls(process), ours

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    async def ended(self) -> None:
        """Wait for its end, and end what it started: that would else hold the pipe, a port, the graphics card."""
        await self._process.wait()
        self._kill_group()

    def kill(self) -> None:
        """Kill it and all that it started."""
        if self._process.returncode is None:  # asyncio's own way may lose how it ended to ``Popen.poll``
            self._kill_group()

    @property
    def end(self) -> str:
        """How it ended, as the end of a sentence about it."""
        code = self._process.returncode
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        if code == -signal.SIGKILL:
            return "was killed, most likely because memory ran out"
        with contextlib.suppress(ValueError):
            return f"crashed ({signal.Signals(-code).name})"
        return f"crashed (signal {-code})"

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without our settings: a database's password is nothing for a node's eyes."""
    return {name: value for name, value in ours.items() if not name.startswith("INHOUSE_")}
