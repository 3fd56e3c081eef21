"""A worker's process as the gateway starts it."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.workers.kit import Ear, config, go

from inhouse.errors import WorkerStartError
from inhouse.workers.child import Child
from inhouse.workers.process import ProcessWorker


def test_a_python_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    async def work() -> None:
        with pytest.raises(WorkerStartError, match="No such file"):
            await ProcessWorker("cpu-0", config(tmp_path)).start(Ear())

    go(work())


def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    async def work() -> None:
        with pytest.raises(WorkerStartError, match=r"Not a directory|File exists"):
            await ProcessWorker("cpu-0", config(tmp_path)).start(Ear())

    go(work())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-signal.SIGKILL, "memory"),
        (-signal.SIGSEGV, "SIGSEGV"),
        (-signal.SIGBUS, "SIGBUS"),
        (-99, "signal 99"),
    ],
)
def test_how_it_ended_is_said_in_words(code: int, said: str) -> None:
    process: Any = SimpleNamespace(returncode=code, pid=0)
    assert said in Child(process).end
