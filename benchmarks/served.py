"""A gateway under measurement: started with a fresh state, ended at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import INHOUSE, ROOT
from benchmarks.wire import Http


@dataclass(frozen=True, slots=True)
class Served:
    """A running gateway.

    Attributes:
        host: where it listens.
        port: likewise.
        process: it.
        ready_seconds: from its start to the first answer of ``/system_stats``.
        folder: its files.

    """

    host: str
    port: int
    process: subprocess.Popen[bytes]
    ready_seconds: float
    folder: Path

    def http(self) -> Http:
        """Open a connection."""
        return Http(self.host, self.port)

    def worker_pids(self) -> list[int]:
        """Return the processes that the gateway started."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def resident_bytes(self) -> int:
        """Return how much memory the gateway has resident, its workers apart."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024


@contextlib.contextmanager
def served(arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Start a gateway and wait until it answers and its worker is ready."""
    folder = Path(tempfile.mkdtemp(prefix="inhouse-bench-"))
    port = free_port()
    command = [
        *INHOUSE,
        "up",
        "--port",
        str(port),
        "--state",
        str(folder / "state"),
        "--output",
        str(folder / "output"),
    ]
    command += ["--input", str(folder / "input"), *arguments]
    with (folder / "log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, **(environment or {})})
    try:
        until(process, port, "/system_stats", folder)
        ready = time.perf_counter() - started
        until(process, port, "/readyz", folder)
        yield Served("127.0.0.1", port, process, ready, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def cpu_seconds(pid: int) -> float:
    """Return how long a process and all its threads have computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(process: subprocess.Popen[bytes], port: int, path: str, folder: Path, seconds: float = 60) -> None:
    """Wait until a path answers 200."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if process.poll() is not None:
            raise SystemExit(f"The gateway ended with {process.returncode}:\n{(folder / 'log').read_text()}")
        with contextlib.suppress(OSError):
            connection = Http("127.0.0.1", port)
            status, _ = connection.ask("GET", path)
            connection.close()
            if status == 200:
                return
        time.sleep(0.01)
    raise SystemExit(f"{path} did not answer:\n{(folder / 'log').read_text()}")
