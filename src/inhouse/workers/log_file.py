"""A worker's log: what its process and the nodes in it print."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_BYTES = 10 * 1024**2
_TAIL_LINES = 20
_TAIL_BYTES = 4096


class LogFile:
    """A file that one process after another appends to; a large one makes room at a start, and one older is kept.

    Args:
        path: where it lies.

    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Yield the file, for a process to write to."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.size() > _MAX_BYTES:
            self.path.replace(self.path.with_suffix(".old.log"))
        with self.path.open("ab") as file:
            yield file

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
