from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from inhouse.errors import NotFoundError, OutputError, RequestError
from inhouse.server.user_data import UserData


@pytest.fixture
def data(tmp_path: Path) -> UserData:
    found = UserData(tmp_path / "ann")
    found.write("a.json", io.BytesIO(b"a"), overwrite=True)
    found.write("sub/b.json", io.BytesIO(b"b"), overwrite=True)
    return found


def test_a_user_who_has_kept_nothing_has_an_empty_folder(tmp_path: Path) -> None:
    assert UserData(tmp_path / "new").names(".", recurse=True) == []
    assert UserData(tmp_path / "newer").tree("") == []


def test_a_file_is_replaced_only_if_that_is_meant(data: UserData) -> None:
    with pytest.raises(FileExistsError):
        data.write("a.json", io.BytesIO(b"other"), overwrite=False)
    assert data.path("a.json").read_bytes() == b"a"
    data.write("a.json", io.BytesIO(b"other"), overwrite=True)
    assert data.path("a.json").read_bytes() == b"other"


@pytest.mark.parametrize("links", [True, False])
def test_a_move_replaces_a_file_only_if_that_is_meant(
    data: UserData, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr("os.link", unknown)
    with pytest.raises(FileExistsError):
        data.move("a.json", "sub/b.json", overwrite=False)
    assert data.names(".", recurse=True) == ["a.json", "sub/b.json"]
    data.move("a.json", "new/a.json", overwrite=False)
    data.move("new/a.json", "sub/b.json", overwrite=True)
    assert data.path("sub/b.json").read_bytes() == b"a"
    assert data.names(".", recurse=True) == ["sub/b.json"]


def test_a_file_may_be_moved_onto_itself(data: UserData) -> None:
    data.move("a.json", "./a.json", overwrite=False)
    assert data.path("a.json").read_bytes() == b"a"


def test_what_is_not_there_can_be_neither_moved_nor_deleted(data: UserData) -> None:
    with pytest.raises(NotFoundError):
        data.move("none", "b", overwrite=True)
    with pytest.raises(NotFoundError):
        data.delete("sub")


def test_a_file_is_no_tree(data: UserData) -> None:
    with pytest.raises(RequestError):
        data.tree("a.json")
    with pytest.raises(NotFoundError):
        data.tree("none")


def test_a_disk_that_does_not_let_go_is_told(data: UserData, monkeypatch: pytest.MonkeyPatch) -> None:
    def readonly(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", readonly)
    with pytest.raises(OutputError, match="Read-only"):
        data.delete("a.json")


def test_files_that_are_being_written_are_not_listed(data: UserData) -> None:
    (data.root / ".a.json.0123456789abcdef").write_bytes(b"half")
    assert data.names(".", recurse=True) == ["a.json", "sub/b.json"]
    assert [entry["path"] for entry in data.tree("")] == ["sub", "a.json", "sub/b.json"]
