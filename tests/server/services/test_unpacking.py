from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from inhouse.errors import PathEscapeError, RequestError, TooLargeError
from inhouse.server.services.unpacking import only_folder, unpack


def tar(*names: str, kind: bytes = tarfile.REGTYPE, size: int = 3, mode: str = "w") -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload] # a mode from a test
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, size if kind == tarfile.REGTYPE else 0, "/etc/passwd"
            archive.addfile(info, io.BytesIO(b"x" * size) if kind == tarfile.REGTYPE else None)
    file.seek(0)
    return file


def bundle(*names: str) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"xxx")
    file.seek(0)
    return file


@pytest.mark.parametrize("archive", [tar("a/b.txt"), tar("a/b.txt", mode="w:gz"), bundle("a/b.txt")])
def test_files_come_out_as_they_went_in(archive: io.BytesIO, tmp_path: Path) -> None:
    unpack(archive, tmp_path, 100)
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"xxx"
    assert only_folder(tmp_path, "b.txt") == tmp_path / "a"
    assert only_folder(tmp_path / "a", "b.txt") == tmp_path / "a"


@pytest.mark.parametrize("name", ["../up", "/etc/evil", "a/../../up", "c:\\evil", "a\\..\\up"])
@pytest.mark.parametrize("make", [tar, bundle])
def test_names_stay_in_the_folder(make: type[io.BytesIO], name: str, tmp_path: Path) -> None:
    with pytest.raises(PathEscapeError):
        unpack(make(name), tmp_path / "in", 100)  # type: ignore[arg-type] # a function
    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_is_refused(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no file"):
        unpack(tar("x", kind=kind), tmp_path, 100)
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(RequestError, match="no file"):
        unpack(file, tmp_path, 100)


def test_what_unpacks_to_too_much_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        unpack(tar("a", "b", size=60), tmp_path, 100)
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"\0" * 10_000_000)
    with pytest.raises(TooLargeError):
        unpack(zeros, tmp_path, 1_000_000)


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind", tar("a").getvalue()[:100], bundle("a").getvalue()[:40]]
)
def test_what_is_no_archive_is_said(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        unpack(io.BytesIO(content), tmp_path, 100)


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="twice"):
        unpack(tar("a", "a"), tmp_path, 100)


def test_a_name_that_no_file_can_have_is_the_archives_fault(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no file can have"):
        unpack(tar("a" * 300), tmp_path, 100)
