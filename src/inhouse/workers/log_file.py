"""A worker's log: what its process and the nodes in it print."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TAIL_LINES = 50
_TAIL_BYTES = 8192


class LogFile:
    """A file that one process after another appends to; one older is kept.

    Args:
        path: where it lies.
        max_bytes: how large it may become before it is put aside.

    """

    def __init__(self, path: Path, max_bytes: int = 10 * 1024**2) -> None:
        self.path = path
        self._max_bytes = max_bytes

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Yield the file, for a process to write to."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.trim()
        with self.path.open("ab") as file:
            yield file

    def trim(self) -> None:
        """Put a file that has become large aside; a process that writes to it goes on at its beginning."""
        if self.size() > self._max_bytes:
            shutil.copyfile(self.path, self.path.with_suffix(".old.log"))
            os.truncate(self.path, 0)

    def size(self) -> int:
        """Return how many bytes it has."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def tail(self, start: int = 0) -> str:
        """Return the last lines of what was written since it had ``start`` bytes."""
        if not self.path.is_file():
            return ""
        with self.path.open("rb") as file:
            file.seek(max(start, self.size() - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])
