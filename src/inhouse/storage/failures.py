"""The border to the database: its errors become ours."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError

from inhouse.errors import InhouseError, RunConflictError, StorageError, StorageFullError

_LOGGER = logging.getLogger(__name__)
_SQLITE_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_POSTGRESQL_NO_ROOM = "53100"
"""SQLSTATE ``disk_full``."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise ours instead of the database's errors.

    Raises:
        RunConflictError: an id or a key is there already.
        StorageFullError: there is no room.
        StorageError: anything else.

    """
    try:
        yield
    except Exception as error:
        ours = as_ours(error)
        if ours is error:
            raise
        raise ours from error


def as_ours(error: Exception) -> InhouseError:
    """Return an error of the database as one of ours. What it says in detail goes to the log: it may quote data."""
    known = _known(error)
    if known:
        return known
    _LOGGER.error("The database failed: %s", error.orig if isinstance(error, DBAPIError) else repr(error))
    return StorageError("The database cannot be read or written; the log says why.", hint="Try again later.")


def unopened(error: Exception) -> InhouseError:
    """Return why a database cannot be opened, for whoever starts the gateway: here the details help."""
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip() or type(error).__name__
    return _known(error) or StorageError(
        f"The database cannot be opened: {reason.splitlines()[0]}.", hint="Check storage.url and its server."
    )


def _known(error: Exception) -> InhouseError | None:
    if isinstance(error, InhouseError):
        return error
    if isinstance(error, IntegrityError):
        return RunConflictError("This id or idempotency key was used for another run.", hint="Choose another.")
    if _is_full(error):
        return StorageFullError("The disk of the database is full; nothing was lost.", hint="Free some space there.")
    return None


def _is_full(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return cause.errno in (errno.ENOSPC, errno.EDQUOT)
    code = getattr(cause, "sqlite_errorcode", None)
    return code in _SQLITE_NO_ROOM or getattr(cause, "sqlstate", None) == _POSTGRESQL_NO_ROOM
