"""Folder stamps: whether files were added to folders, or taken away, without listing them anew."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SETTLED_NS = 2_000_000_000
"""A folder changed more recently than this may change again unseen: file systems keep times as coarse as that."""


@dataclass(frozen=True, slots=True)
class FolderStamp:
    """When folders, and those below them, last changed. A file that is written over in place changes none.

    Attributes:
        times: path -> time of change in ns; None for a folder that is not there.
        settled: whether all of them were old enough for a later change to show.

    """

    times: Mapping[str, int | None]
    settled: bool

    @classmethod
    def of(cls, deep: Iterable[Path], flat: Iterable[Path] = ()) -> FolderStamp:
        """Take the stamp of folders: O(files) once, while ``holds`` is O(folders).

        Args:
            deep: folders to look at with all below them; links are followed.
            flat: folders to look at by themselves.

        """
        now = time.time_ns()
        times: dict[str, int | None] = {str(path): _changed(str(path)) for path in flat}
        seen: set[str] = set()
        for root in deep:
            times[str(root)] = _changed(str(root))
            for current, subfolders, _ in os.walk(root, followlinks=True):
                real = os.path.realpath(current)
                if real in seen:  # a link that leads back up
                    subfolders.clear()
                    continue
                seen.add(real)
                times[current] = _changed(current)
        newest = max((at for at in times.values() if at is not None), default=0)
        return cls(times, settled=now - newest > _SETTLED_NS)

    def holds(self) -> bool:
        """Whether no folder has changed since."""
        return self.settled and all(_changed(path) == at for path, at in self.times.items())


def _changed(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - as fast as it gets: asked for each folder at each request
    except (OSError, ValueError):
        return None
