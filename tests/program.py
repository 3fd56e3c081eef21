"""Running the program: in this process for speed, or as one of its own on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

PATIENCE = 120.0
"""Seconds until a program that says nothing is taken for stuck."""


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        assert self.stdout.count("\n") == 1
        found: dict[str, Any] = json.loads(self.stdout, parse_constant=_no_json)
        return found

    @property
    def codes(self) -> list[str]:
        """The codes of the errors in it."""
        return [error["code"] for error in self.json["errors"]]


Command = Callable[..., Ran]
"""Runs a command line given by its arguments."""


def environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without what colours or places the program's answers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INHOUSE_", "COV_"))}
    return {**kept, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", "OMP_NUM_THREADS": "1", **extra}


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start the program as a process of its own."""
    command = [sys.executable, "-m", "inhouse", *map(str, arguments)]
    options.setdefault("env", environment())
    return subprocess.Popen(command, **options)


class Terminal:
    """The program with its standard error on a terminal, its standard output in a file."""

    def __init__(self, *arguments: str | Path, cwd: Path) -> None:
        self._answer = cwd / "answer.txt"
        self._terminal, other = pty.openpty()
        with self._answer.open("wb") as stdout:
            self.process = start(*arguments, cwd=cwd, stdin=subprocess.DEVNULL, stdout=stdout, stderr=other)
        os.close(other)
        self.shown = ""

    def wait_for(self, pattern: str) -> None:
        """Read the terminal until something matches that was not there before."""
        deadline = time.monotonic() + PATIENCE
        seen = len(self.shown)
        while not re.search(pattern, self.shown[seen:]):
            assert self._read(deadline), f"{pattern} was never shown, but: {self.shown[-2000:]}"

    def end(self) -> Ran:
        """Wait for the program's end."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return Ran(self.process.wait(PATIENCE), self._answer.read_text(encoding="utf-8"), self.shown)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"Nothing happens any more. Shown: {self.shown[-2000:]}"
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._terminal)


def _no_json(word: str) -> None:
    message = f"{word} is no JSON"
    raise ValueError(message)
