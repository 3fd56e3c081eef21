"""A database: opened, brought up to date, and owned until it is closed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, inspect, select, table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.sql import column

from inhouse.errors import StorageError
from inhouse.storage.failures import unopened
from inhouse.storage.ownership import FileLock, own_session
from inhouse.storage.schema import REVISION

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection

READERS = 3
"""How many connections read side by side."""
_BUSY_SECONDS = 10
_CACHE_KB = 24_576
"""For each connection that is used; room for the queue of ten thousand small workflows."""


@dataclass(frozen=True, slots=True)
class Database:
    """Two ways into one database.

    Attributes:
        writer: one connection; whoever has it owns the database.
        reader: several, each of which only reads.
        lock: the file lock, for SQLite.

    """

    writer: Engine
    reader: Engine
    lock: FileLock | None = None

    def close(self) -> None:
        """Close all connections, then let another gateway have it."""
        self.reader.dispose()
        self.writer.dispose()
        if self.lock:
            self.lock.release()


def open_database(url: str, state: Path) -> Database:
    """Open a database, make or migrate its tables, and own it.

    Args:
        url: ``postgresql://...``, ``sqlite:///<path>``; empty for a SQLite file in ``state``.
        state: the gateway's folder.

    Raises:
        StorageOwnedError: another gateway has it.
        StorageError: it cannot be opened, or a newer version made it.

    """
    place = _place(url, state)
    lock = None
    if place.get_backend_name() == "sqlite":
        lock = FileLock(Path(f"{place.database}.lock"))
    database = None
    try:
        database = Database(_writer(place), _reader(place), lock)
        _migrate(database.writer)
    except BaseException as error:
        if database:
            database.close()
        elif lock:
            lock.release()
        if isinstance(error, Exception):
            raise unopened(error) from error
        raise
    return database


def _place(url: str, state: Path) -> URL:
    """Return what a URL means, with the driver that we use."""
    if not url:
        return URL.create("sqlite+pysqlite", database=str((state / "inhouse.db").absolute()))
    try:
        place = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError as error:
        raise StorageError("The database's URL cannot be read.", hint="Write postgresql://user@host/name.") from error
    drivers = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
    backend = place.get_backend_name()
    if backend not in drivers or (backend == "sqlite" and place.database in (None, "", ":memory:")):
        raise StorageError(
            f"Runs cannot be kept in {place.render_as_string()}.", hint="Use postgresql://... or sqlite:///FILE."
        )
    return place.set(drivername=drivers[backend])


def _writer(place: URL) -> Engine:
    engine = _engine(place, pool_size=1, max_overflow=0)
    if place.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        event.listen(engine, "connect", own_session)
        event.listen(engine, "connect", _insist_on_durability)
    return engine


def _reader(place: URL) -> Engine:
    options: dict[str, Any] = {"pool_size": READERS, "max_overflow": 0, "pool_use_lifo": True}
    options["isolation_level"] = "AUTOCOMMIT"
    if place.get_backend_name() == "sqlite":
        engine = _engine(place, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "connect", _only_read)
        return engine
    return _engine(place, pool_pre_ping=True, **options)  # the server may have been restarted meanwhile


def _engine(place: URL, **options: Any) -> Engine:
    try:
        arguments = {"timeout": _BUSY_SECONDS} if place.get_backend_name() == "sqlite" else {"connect_timeout": 10}
        return create_engine(place, connect_args=arguments, hide_parameters=True, **options)
    except ModuleNotFoundError as error:
        raise StorageError(
            "PostgreSQL's driver is not installed.", hint="pip install 'inhouse[server,postgresql]'"
        ) from error


def _prepare_sqlite(connection: DBAPIConnection, _record: Any) -> None:
    """Readers do not wait for the writer (WAL); what is committed survives a loss of power (FULL)."""
    cursor = connection.cursor()
    for setting in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        f"cache_size = -{_CACHE_KB}",
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _only_read(connection: DBAPIConnection, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()


def _insist_on_durability(connection: DBAPIConnection, _record: Any) -> None:
    """Have a commit wait for the disk where a server was told not to wait; wait for replicas if it was told to."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    cursor.close()
    connection.commit()


def _migrate(engine: Engine) -> None:
    """Bring the tables up to date, in one transaction; alembic is slow to import and is not if they are."""
    with engine.connect() as connection:
        if _revision(connection) == REVISION:
            return
    from inhouse.storage.migration import upgrade

    upgrade(engine)


def _revision(connection: Connection) -> str | None:
    """Return the last migration that was made; None if there was none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(column("version_num")).select_from(table("alembic_version")))
