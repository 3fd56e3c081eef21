from __future__ import annotations

import threading
from pathlib import Path

import pytest

from inhouse.errors import RequestError, StorageError
from inhouse.server.user_directory import UserDirectory


def test_users_are_still_there_after_a_restart(tmp_path: Path) -> None:
    identifier = UserDirectory(tmp_path / "users.json", several=True).add(" Ann B! ")
    assert identifier.startswith("Ann-B-_")
    assert UserDirectory(tmp_path / "users.json", several=True).names() == {identifier: "Ann B!"}


def test_a_name_is_taken_once_however_many_ask(tmp_path: Path) -> None:
    directory, refused = UserDirectory(tmp_path / "users.json", several=True), []

    def add() -> None:
        try:
            directory.add("Ann")
        except FileExistsError as error:
            refused.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), list(directory.names().values())) == (7, ["Ann"])


def test_there_is_an_end_to_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inhouse.server.user_directory._USERS", 1)
    directory = UserDirectory(tmp_path / "users.json", several=True)
    directory.add("Ann")
    with pytest.raises(RequestError):
        directory.add("Bob")


def test_a_broken_file_is_no_reason_to_forget_everybody(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("{broken")
    directory = UserDirectory(tmp_path / "users.json", several=True)
    with pytest.raises(StorageError):
        directory.add("Ann")
    assert (tmp_path / "users.json").read_text() == "{broken"
