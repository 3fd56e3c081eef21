"""Bringing a database's tables up to date, by alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from inhouse.errors import StorageError
from inhouse.storage import migrations

if TYPE_CHECKING:
    from sqlalchemy import Engine


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Make all steps to a revision, or none.

    Raises:
        StorageError: the database was made by a newer version.

    """
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Its driver begins a transaction before INSERT only, and would commit each CREATE TABLE by itself.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config = configuration()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise StorageError(
                "The database was made by a newer version.", hint="Install that version, or choose another database."
            ) from error
        connection.commit()


def configuration() -> Config:
    """Return alembic's configuration, which needs no file."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config
