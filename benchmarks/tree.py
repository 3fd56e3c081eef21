"""A tree of processes: what it computed and how much memory it has, orphans and the dead included."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

MARK = "BENCH_TREE"
"""An environment variable that all processes of a tree have, with the tree's name."""
_TICK: int = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Tree:
    """All processes that descend from one.

    Attributes:
        name: what the variable ``BENCH_TREE`` is in the root's environment.
        root: the first one.

    """

    name: str
    root: subprocess.Popen[bytes]
    _known: set[int] = field(default_factory=set)

    def cpu_seconds(self) -> float:
        """Return how long they have computed, with their dead children."""
        return sum(map(_spent, self.pids()))

    def resident_mb(self) -> float:
        """Return their memory, where each of several that share a page has its part of it."""
        return sum(_proportional_kb(pid) for pid in self.pids()) / 1024

    def pids(self) -> set[int]:
        """Return the processes that live."""
        parents, marked = {}, set()
        wanted = f"{MARK}={self.name}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            pid = int(entry.name)
            with contextlib.suppress(OSError, IndexError, ValueError):
                parents[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if pid in self._known or wanted in (entry / "environ").read_bytes().split(b"\0"):
                    marked.add(pid)
        found = {self.root.pid, *marked}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        self._known = found & parents.keys()
        return self._known

    def end(self) -> None:
        """End them all."""
        self.root.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.root.wait(8)
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = self.pids() if self.root.poll() is None else self.pids() - {self.root.pid}
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            if left:
                time.sleep(1)
        self.root.wait()


def _spent(pid: int) -> float:
    """Return what a process and its dead children have computed; 0 where there is none of that number."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK


def _proportional_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
