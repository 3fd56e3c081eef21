"""``inhouse token``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from tests.program import Command

from inhouse.server.identity import Identity
from inhouse.server.token_file import TokenFile


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INHOUSE_SERVER__TOKENS", raising=False)


def owner(path: Path, token: str) -> Identity | None:
    headers = [(b"authorization", b"Bearer " + token.encode())]
    return TokenFile(path).identify({"type": "http", "path": "/", "headers": headers})


def test_a_token_is_printed_once_and_only_its_hash_is_kept(command: Command, tmp_path: Path) -> None:
    told = command("token", "new", "ann")
    assert told.code == 0
    token = told.stdout.strip()
    path = tmp_path / "tokens.toml"
    assert owner(path, token) == Identity("ann")
    assert token not in path.read_text()
    assert token not in told.stderr
    assert "shown once" in told.stderr


def test_several_people_have_tokens_in_the_file_that_is_named(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "house" / "who.toml"
    ann = command("token", "new", "ann", "--file", path).stdout.strip()
    bob = command("token", "new", "bob", "--admin", "--file", path, "--json").json
    assert owner(path, ann) == Identity("ann")
    assert owner(path, bob["token"]) == Identity("bob", admin=True)
    assert bob["path"] == str(path)


def test_the_settings_say_which_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "inhouse.toml").write_text('[server]\ntokens = "who.toml"\n')
    assert command("token", "new", "ann").code == 0
    assert tomllib.loads((tmp_path / "who.toml").read_text())["token"][0]["user"] == "ann"


def test_settings_that_cannot_be_read_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "inhouse.toml").write_text("[server]\nport = 'many'\n")
    told = command("token", "new", "ann")
    assert told.code == 2
    assert "server.port" in told.stderr


@pytest.mark.parametrize("name", ["", "default", "a\nb"])
def test_a_name_that_cannot_be_is_refused(command: Command, tmp_path: Path, name: str) -> None:
    assert command("token", "new", name).code == 2
    assert not (tmp_path / "tokens.toml").exists()


def test_a_file_that_others_may_read_is_refused(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text("")
    path.chmod(0o644)
    told = command("token", "new", "ann")
    assert told.code == 5
    assert "chmod 600" in told.stderr


def test_the_group_says_what_it_has(command: Command) -> None:
    assert "new" in command("token", "--help").stdout
