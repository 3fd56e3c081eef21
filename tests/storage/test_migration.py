from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from inhouse.errors import StorageError
from inhouse.storage.database import open_database
from inhouse.storage.migration import configuration, upgrade
from inhouse.storage.schema import METADATA, REVISION


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_the_migrations_lead_to_the_tables_that_the_program_knows(url: str, tmp_path: Path) -> None:
    database = open_database(url, tmp_path)
    with database.writer.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()


def test_the_last_migration_is_the_one_that_the_program_wants() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [REVISION]


def test_migrating_twice_changes_nothing(url: str, tmp_path: Path) -> None:
    database = open_database(url, tmp_path)
    before = tables(database.writer)
    upgrade(database.writer)
    assert tables(database.writer) == before >= {"runs", "requests", "artifacts"}
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(url: str, tmp_path: Path) -> None:
    database = open_database(url, tmp_path)
    with database.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StorageError, match="newer version"):
        open_database(url, tmp_path)


def test_a_migration_that_fails_leaves_nothing_behind(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if its process had been killed in the middle."""
    from inhouse.storage import database as module

    engine = module._writer(module._place(url, tmp_path))

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", fail)
        with pytest.raises(KeyboardInterrupt):
            upgrade(engine)
    assert tables(engine) == set()
    engine.dispose()
    open_database(url, tmp_path).close()


def test_an_up_to_date_database_is_opened_without_alembic(tmp_path: Path) -> None:
    """It is slow to import, and a gateway starts at once."""
    import subprocess
    import sys

    open_database("", tmp_path).close()
    program = (
        "import sys; from pathlib import Path; from inhouse.storage.database import open_database;"
        "open_database('', Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program, tmp_path], check=True, capture_output=True, text=True)
    assert ran.stdout == "False\n"


def test_a_path_with_a_percent_sign_is_just_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "100% of it"
    open_database("", folder).close()
    engine = create_engine(f"sqlite:///{folder / 'inhouse.db'}")
    assert "runs" in tables(engine)
    engine.dispose()
