from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from tests import postgresql

from inhouse.errors import StorageError, StorageOwnedError
from inhouse.storage.database import open_database


def test_without_a_url_it_is_a_file_in_the_state_folder(tmp_path: Path) -> None:
    open_database("", tmp_path / "deep" / "state").close()
    assert (tmp_path / "deep" / "state" / "inhouse.db").is_file()


def test_sqlite_keeps_what_is_committed_and_lets_readers_read(tmp_path: Path) -> None:
    database = open_database("", tmp_path)
    with database.writer.connect() as writer, database.reader.connect() as reader:
        assert writer.scalar(text("PRAGMA journal_mode")) == "wal"
        assert writer.scalar(text("PRAGMA synchronous")) == 2
        with pytest.raises(Exception, match="readonly"):
            reader.execute(text("DELETE FROM runs"))
    database.close()


def test_postgresql_waits_for_the_disk_even_if_it_was_told_not_to(postgres: postgresql.Server, tmp_path: Path) -> None:
    name, url = postgres.make_database()
    postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = open_database(url, tmp_path)
    with database.writer.connect() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
    database.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://root:secret@db/x", "nonsense", "x://y"])
def test_what_keeps_nothing_or_is_unknown_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        open_database(url, tmp_path)
    assert "secret" not in str(caught.value)
    assert caught.value.hint


def test_a_server_that_is_not_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be opened: .*No such file") as caught:
        open_database(f"postgresql://u:secret@/x?host={tmp_path}", tmp_path)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "inhouse.db"
    path.write_bytes(b"a picture, say" * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_database("", tmp_path)
    assert path.read_bytes() == b"a picture, say" * 100


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        open_database("", tmp_path / "file" / "state")


def test_a_failed_opening_lets_go_of_the_lock(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("inhouse.storage.database._migrate", fail)
        with pytest.raises(StorageError):
            open_database(url, tmp_path)
    open_database(url, tmp_path).close()


def test_without_its_driver_postgresql_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StorageError, match="pip install"):
        open_database("postgresql://u@h/x", tmp_path)


def test_one_owner_at_a_time(url: str, tmp_path: Path) -> None:
    first = open_database(url, tmp_path)
    with pytest.raises(StorageOwnedError):
        open_database(url, tmp_path)
    first.close()
    open_database(url, tmp_path).close()
