from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from inhouse.errors import FileError, ReceiptError
from inhouse.models.signing import Signer, Trust, default_key, key_name


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "receipts.pem"


def test_a_key_is_made_once_and_for_its_user_only(key: Path) -> None:
    first = Signer.open(key)
    assert Signer.open(key).public == first.public
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_users_own_signature_counts(key: Path) -> None:
    signer = Signer.open(key)
    assert Trust.of(own=key).check(b"all is well", signer.sign(b"all is well")) == key_name(signer.public)


def test_a_changed_message_does_not_pass(key: Path) -> None:
    with pytest.raises(ReceiptError, match="changed after it was signed"):
        Trust.of(own=key).check(b"all is lost", Signer.open(key).sign(b"all is well"))


def test_a_stranger_is_named_and_not_believed(key: Path, tmp_path: Path) -> None:
    stranger = Signer.open(tmp_path / "stranger.pem")
    with pytest.raises(ReceiptError, match=key_name(stranger.public)):
        Trust.of(own=key).check(b"hello", stranger.sign(b"hello"))


def test_a_stranger_whose_key_is_in_a_trusted_file_is_believed(key: Path, tmp_path: Path) -> None:
    stranger = Signer.open(tmp_path / "stranger.pem")
    keys = tmp_path / "trusted.txt"
    keys.write_text(f"# the other hospital\n\n{base64.b64encode(stranger.public).decode()} radiology\n")
    assert Trust.of([keys], own=key).check(b"hello", stranger.sign(b"hello")) == key_name(stranger.public)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        {},
        [],
        {"algorithm": "none"},
        {"algorithm": "ed25519"},
        {"algorithm": "ed25519", "key": "?", "signature": ""},
        {"algorithm": "ed25519", "key": "", "signature": ""},
        {"algorithm": "ed25519", "key": base64.b64encode(b"x" * 32).decode(), "signature": 7},
    ],
)
def test_what_is_no_signature_is_refused(key: Path, signature: object) -> None:
    with pytest.raises(ReceiptError):
        Trust.of(own=key).check(b"hello", signature)


def test_a_file_that_holds_no_key_is_refused(key: Path) -> None:
    key.parent.mkdir()
    key.write_text("no key")
    with pytest.raises(FileError, match="cannot be read"):
        Signer.open(key)


def test_a_trusted_file_with_a_line_that_is_no_key_is_refused(key: Path, tmp_path: Path) -> None:
    keys = tmp_path / "trusted.txt"
    keys.write_text("hello\n")
    with pytest.raises(FileError, match="no file of public keys"):
        Trust.of([keys], own=key)


def test_the_key_lies_where_the_user_keeps_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key() == tmp_path / "inhouse" / "receipts.pem"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert default_key() == Path.home() / ".config" / "inhouse" / "receipts.pem"
