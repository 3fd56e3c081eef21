from __future__ import annotations

import errno
import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError

from inhouse.errors import RunConflictError, StorageError, StorageFullError, StorageOwnedError
from inhouse.storage.failures import as_ours, translated, unopened


def wrapped(error: Exception) -> DBAPIError:
    return DBAPIError("INSERT", {"workflow": "secret"}, error)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        wrapped(sqlite_error(sqlite3.SQLITE_FULL)),
        wrapped(sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE)),
        wrapped(psycopg.errors.DiskFull("could not extend file")),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Quota exceeded"),
    ],
)
def test_no_room_has_an_error_of_its_own(error: Exception) -> None:
    assert type(as_ours(error)) is StorageFullError
    assert type(unopened(error)) is StorageFullError


@pytest.mark.parametrize(
    "error",
    [
        wrapped(sqlite_error(sqlite3.SQLITE_CORRUPT)),
        wrapped(psycopg.OperationalError("server closed the connection")),
        InvalidRequestError("secret"),
        OSError(errno.EIO, "secret"),
        UnicodeEncodeError("utf-8", "secret", 0, 1, "secret"),
        RuntimeError("secret"),
    ],
)
def test_anything_else_is_a_storage_error_that_quotes_nothing(error: Exception) -> None:
    ours = as_ours(error)
    assert type(ours) is StorageError
    assert "secret" not in str(ours)


def test_what_is_there_already_is_a_conflict() -> None:
    assert type(as_ours(IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE")))) is RunConflictError


def test_our_own_errors_pass_and_others_are_the_cause() -> None:
    own = StorageOwnedError("Another gateway works with this database.")
    assert as_ours(own) is own is unopened(own)
    with pytest.raises(StorageOwnedError), translated():
        raise own
    foreign = RuntimeError("x")
    with pytest.raises(StorageError) as caught, translated():
        raise foreign
    assert caught.value.__cause__ is foreign


def test_whoever_starts_the_gateway_hears_the_details() -> None:
    assert "disk is full" not in str(unopened(wrapped(psycopg.OperationalError("no such host\nmore"))))
    assert "no such host." in str(unopened(wrapped(psycopg.OperationalError("no such host\nmore"))))
