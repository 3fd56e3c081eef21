"""One gateway a database: a lock that ends with its process, however that ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import StorageError, StorageOwnedError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('inhouse ' || current_schema(), 0))"


class FileLock:
    """A lock on a file beside the database; taken at once, or not at all.

    Raises:
        StorageOwnedError: another process has it.
        StorageError: the file cannot be made.

    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(
                f"Cannot make {path}: {error.strerror or error}.", hint="Choose another state folder."
            ) from error
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._file, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise owned() from error

    def release(self) -> None:
        """Let others have it. The file stays: removing it would let two have a lock of the same name."""
        os.close(self._file)


def own_session(connection: DBAPIConnection, _record: Any = None) -> None:
    """Take PostgreSQL's lock for as long as a connection lives; who writes over it is the owner.

    Raises:
        StorageOwnedError: another connection has it.

    """
    cursor = connection.cursor()
    cursor.execute(_LOCK)
    row = cursor.fetchone()
    cursor.close()
    connection.commit()
    if row is None or not row[0]:
        raise owned()


def owned() -> StorageOwnedError:
    """Return the error that says that somebody else has the lock."""
    return StorageOwnedError(
        "Another gateway works with this database.", hint="Stop it, or give this one a state folder of its own."
    )
