"""Tokens are known by their hashes, and the file is believed only if it can be."""

from __future__ import annotations

import hashlib
import logging
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from inhouse.errors import FileError, UsageError
from inhouse.server.identity import Identity
from inhouse.server.token_file import TokenFile, new_token


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.toml"


def bearer(token: str) -> Scope:
    return {"type": "http", "path": "/", "headers": [(b"authorization", b"Bearer " + token.encode())]}


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def entry(user: str, token: str, more: str = "") -> str:
    return f'[[token]]\nuser = "{user}"\nsha256 = "{hashlib.sha256(token.encode()).hexdigest()}"\n{more}\n'


def test_a_new_token_is_its_users(path: Path) -> None:
    ann, bob = new_token(path, "ann"), new_token(path, "bob", admin=True)
    known = TokenFile(path)
    assert known.identify(bearer(ann)) == Identity("ann")
    assert known.identify(bearer(bob)) == Identity("bob", admin=True)
    assert known.identify(bearer(ann[:-1])) is None
    assert known.identify({"type": "http", "path": "/", "headers": []}) is None


def test_the_file_is_its_owners_and_holds_no_token(path: Path) -> None:
    token = new_token(path, "ann")
    assert token.startswith("inhouse_")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token.removeprefix("inhouse_") not in path.read_text()


def test_what_people_wrote_into_the_file_stays(path: Path) -> None:
    write(path, "# The studio's.\n" + entry("old", "secret", "# from long ago"))
    new_token(path, "ann")
    assert path.read_text().startswith("# The studio's.\n")
    assert "# from long ago" in path.read_text()
    assert TokenFile(path).identify(bearer("secret")) == Identity("old")


@given(st.text(max_size=80))
def test_any_name_is_kept_as_it_is_or_refused(name: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.toml"
        try:
            token = new_token(path, name, admin=True)
        except UsageError:
            assert not path.exists()
        else:
            assert TokenFile(path).identify(bearer(token)) == Identity(name, admin=True)


def test_a_change_is_noticed(path: Path) -> None:
    ann = new_token(path, "ann")
    known = TokenFile(path)
    bob = new_token(path, "bob")
    assert known.identify(bearer(bob)) == Identity("bob")
    write(path, entry("bob", bob))
    assert known.identify(bearer(ann)) is None


def test_a_change_that_cannot_be_believed_changes_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ann = new_token(path, "ann")
    known = TokenFile(path)
    write(path, "[[token")
    with caplog.at_level(logging.ERROR):
        assert known.identify(bearer(ann)) == Identity("ann")
        assert known.identify(bearer(ann)) == Identity("ann")
    assert len(caplog.records) == 1, "it is said once"
    assert "tokens of before" in caplog.text
    write(path, entry("eve", "secret"), 0o644)
    assert known.identify(bearer("secret")) is None
    path.chmod(0o600)
    assert known.identify(bearer("secret")) == Identity("eve")


def test_nobody_gets_in_without_the_file(path: Path) -> None:
    ann = new_token(path, "ann")
    known = TokenFile(path)
    path.unlink()
    assert known.identify(bearer(ann)) is None
    write(path, entry("ann", ann))
    assert known.identify(bearer(ann)) == Identity("ann")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(path: Path, mode: int) -> None:
    write(path, entry("ann", "secret"), mode)
    with pytest.raises(FileError, match="chmod 600"):
        TokenFile(path)
    with pytest.raises(FileError, match="chmod 600"):
        new_token(path, "bob")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "no file of access tokens"),
        ('[[token]]\nuser = "ann"\n', r"token\.0\.sha256"),
        ('[[token]]\nuser = "ann"\nsha256 = "inhouse_leaked"\n', r"token\.0\.sha256"),
        (entry("", "a"), r"token\.0\.user"),
        (entry("ann", "a", "admln = true"), r"token\.0\.admln"),
        (entry("ann", "a", 'admin = "perhaps"'), r"token\.0\.admin"),
        ('[tokens]\nann = "x"\n', "tokens"),
        (entry("ann", "a") + entry("bob", "a"), "same sha256"),
        (entry("default", "a"), "must be an admin"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_the_place_and_without_the_value(path: Path, text: str, said: str) -> None:
    write(path, text)
    with pytest.raises(FileError, match=said) as refused:
        TokenFile(path)
    assert "inhouse_leaked" not in str(refused.value)


def test_who_owns_all_folders_must_be_an_admin(path: Path) -> None:
    with pytest.raises(UsageError, match="must be an admin"):
        new_token(path, "default")
    assert not path.exists()
    assert TokenFile(path) if new_token(path, "default", admin=True) else None


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x7f", "x" * 65, "\ud800"])
def test_what_is_no_name_is_refused(path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name for a user"):
        new_token(path, name)
