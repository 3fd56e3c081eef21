"""A pool of files that were read once, by what tells one state of a file from another, within a budget of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEFAULT_BYTES = 1024**3


class Sized(Protocol):
    """What knows how many bytes it keeps alive."""

    @property
    def nbytes(self) -> int:
        """The bytes."""


F = TypeVar("F", bound=Sized)


class FilePool:
    """Parsed files by path, size and time of change; the least recently used leave first. Safe from several threads.

    Args:
        max_bytes: the budget; a file larger than it is handed out and not kept. 0 keeps nothing.

    Attributes:
        bytes: what is kept now.
        hits: how often a file was there.
        misses: how often it was read.

    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._files: OrderedDict[tuple[str, int, int], Sized] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path, read: Callable[[Path], F]) -> F:
        """Return a parsed file, read if it is new here or has changed.

        Args:
            path: the file.
            read: parses it, always the same way for a path; what it raises goes on to the caller.

        """
        status = path.stat()
        key = (str(path), status.st_size, status.st_mtime_ns)
        with self._lock:
            if key in self._files:
                self.hits += 1
                self._files.move_to_end(key)
                return self._files[key]  # type: ignore[return-value] # a path is always read the same way
            self.misses += 1
        parsed = read(path)
        self._keep(key, parsed)
        return parsed

    def stats(self) -> dict[str, int]:
        """Return entries, bytes, budget, hits and misses."""
        with self._lock:
            return {
                "entries": len(self._files),
                "bytes": self.bytes,
                "max_bytes": self.max_bytes,
                "hits": self.hits,
                "misses": self.misses,
            }

    def clear(self) -> None:
        """Forget all files."""
        with self._lock:
            self._files.clear()
            self.bytes = 0

    def _keep(self, key: tuple[str, int, int], parsed: Sized) -> None:
        with self._lock:
            for old in [old for old in self._files if old[0] == key[0]]:  # another state of the same file, or a twin
                self.bytes -= self._files.pop(old).nbytes
            if parsed.nbytes > self.max_bytes:
                return
            while self.bytes + parsed.nbytes > self.max_bytes:
                self.bytes -= self._files.popitem(last=False)[1].nbytes
            self._files[key] = parsed
            self.bytes += parsed.nbytes
