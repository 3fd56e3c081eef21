"""What processes take, with all of their children: processor time and memory."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """A process and its children, however deep.

    Attributes:
        pid: of the first.

    """

    pid: int

    def cpu(self) -> float:
        """Return seconds of processor time of those that live now, and of children that they waited for."""
        found = 0.0
        for process in self._processes():
            times = _read(process, "cpu_times")
            if times is not None:
                found += times.user + times.system
                found += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return found

    def memory(self) -> int:
        """Return bytes that are resident; what several share counts for each (Linux: once, by proportional sets)."""
        total = 0
        for process in self._processes():
            full = _read(process, "memory_full_info")
            found = full or _read(process, "memory_info")
            total += 0 if found is None else int(getattr(found, "pss", found.rss))
        return total

    def _processes(self) -> Iterator[Any]:
        import psutil

        try:
            first = psutil.Process(self.pid)
            yield from [first, *first.children(recursive=True)]
        except psutil.Error:
            return


def check_installed() -> None:
    """Say in time that processes cannot be looked at.

    Raises:
        UsageError: psutil is not installed.

    """
    from importlib.util import find_spec

    if find_spec("psutil") is None:
        raise UsageError(
            "psutil is not installed, by which processes are measured.", hint="pip install 'inhouse[bench]'"
        )


def listener(host: str, port: int) -> int | None:
    """Return the process on this machine that listens there; None where it is elsewhere or somebody else's."""
    import psutil

    if host not in LOOPBACK and host != socket.gethostname():
        return None
    try:
        found = psutil.net_connections("tcp")
    except psutil.Error:  # not ours to see, on some systems
        return None
    pids = [one.pid for one in found if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid]
    return _eldest(pids) if pids else None


def _eldest(pids: list[int]) -> int:
    """Return the one that is a parent of the others, of a server whose processes share a socket."""
    import psutil

    for pid in pids:
        try:
            if psutil.Process(pid).ppid() not in pids:
                return pid
        except psutil.Error:
            continue
    return pids[0]


def _read(process: Any, what: str) -> Any:
    import psutil

    try:
        return getattr(process, what)()
    except (psutil.Error, AttributeError):
        return None
