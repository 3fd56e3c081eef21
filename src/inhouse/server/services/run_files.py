"""Run files: pictures and files of a call, where the workflow's nodes look for them until its run is over."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from inhouse.files import inside, write_atomic
from inhouse.workers.replicas.messages import Blob

if TYPE_CHECKING:
    from inhouse.server.user_folders import UserFolders

_LOG = logging.getLogger(__name__)
_FOLDER: Final = "services"
_SIGNS: Final = (
    (b"\x89PNG", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"RIFF", ".webp"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
)


class RunFiles:
    """Keeps files in users' input folders.

    Args:
        folders: whose files lie where.

    """

    def __init__(self, folders: UserFolders) -> None:
        self._folders = folders

    def keep(self, user: str, value: Any, kept: list[Path]) -> Any:
        """Return a value as a node takes it: a file by its name, under which it is kept; all else as it is. Blocks.

        Raises:
            OutputError: there is no room.

        """
        if not isinstance(value, Blob):
            return value
        data = bytes(value.data)
        suffix = next((suffix for sign, suffix in _SIGNS if data.startswith(sign)), ".bin")
        name = f"{_FOLDER}/{uuid.uuid4().hex}{suffix}"
        path = inside(self._folders.of(user).input, name)
        write_atomic(path, lambda file: file.write(data))
        kept.append(path)
        return name

    def forget(self, paths: Iterable[Path]) -> None:
        """Delete files of a run that is over. Blocks."""
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                _LOG.warning("A file of a call stays: %s", error)
