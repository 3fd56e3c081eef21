"""Durability: whether the next commit waits until the disk has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KEY = "inhouse_synced"


def insist(connection: Connection, *, synced: bool) -> None:
    """Have the commits of a connection wait for the disk, or only for the operating system; between transactions.

    SQLite in WAL mode loses nothing to the death of a process either way; with ``synchronous = NORMAL`` a loss of power
    may take the last commits (https://sqlite.org/pragma.html#pragma_synchronous). PostgreSQL has no such middle way: a
    commit that does not wait is lost with the server's process. So there every commit waits.
    """
    if connection.dialect.name != "sqlite" or connection.info.get(_KEY) is synced:
        return
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
    cursor.close()
    connection.info[_KEY] = synced
