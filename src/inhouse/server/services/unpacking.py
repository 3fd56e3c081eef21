"""Unpacking: an archive that somebody sent becomes files in a folder, and nothing else."""

from __future__ import annotations

import errno
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from inhouse.errors import OutputError, PathEscapeError, RequestError, TooLargeError
from inhouse.files import inside

_CHUNK = 1 << 20
_MOST_FILES = 10_000


def unpack(archive: BinaryIO, folder: Path, most: int) -> None:
    """Unpack a tar (compressed or not) or zip archive into an empty folder.

    Args:
        archive: at its beginning.
        folder: where files go.
        most: bytes that all of them together may have.

    Raises:
        RequestError: it is no such archive, or holds what is no file: links, devices.
        PathEscapeError: a name leads out of the folder.
        TooLargeError: it has more files or bytes than allowed.
        OutputError: the disk is full.

    """
    left, count = most, 0
    try:
        for name, content in _members(archive):
            count += 1
            path = inside(folder, _plain(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                while chunk := content.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0 or count > _MOST_FILES:
                        raise TooLargeError(f"The archive unpacks to more than {most} bytes or {_MOST_FILES} files.")
                    file.write(chunk)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
        raise RequestError("The archive cannot be read.", hint="Send a .tar, .tar.gz or .zip file.") from error
    except FileExistsError as error:
        raise RequestError("The archive holds a name twice.") from error
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENOTDIR):
            raise RequestError("The archive holds a name that no file can have.", hint="Shorten it.") from error
        raise OutputError(f"The archive cannot be unpacked: {error.strerror or 'it is corrupt'}.") from error


def only_folder(folder: Path, name: str) -> Path:
    """Return the folder itself, or the one folder in it, whichever has a file of that name."""
    below = list(folder.iterdir())
    if not (folder / name).exists() and len(below) == 1 and below[0].is_dir():
        return below[0]
    return folder


def _members(archive: BinaryIO) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise RequestError(f"The archive holds {info.filename[:100]!r}, which is no file.")
                if not info.is_dir():
                    with bundle.open(info) as content:
                        yield info.filename, content
        return
    archive.seek(0)
    with tarfile.open(fileobj=archive, mode="r:*") as tar:
        for member in tar:
            if member.isdir():
                continue
            file = tar.extractfile(member) if member.isreg() else None
            if file is None:
                raise RequestError(f"The archive holds {member.name[:100]!r}, which is no file.")
            yield member.name, file


def _plain(name: str) -> str:
    """Return a name that is below its folder whatever system it is on."""
    if "\\" in name or ":" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise PathEscapeError(f"{name[:100]!r} leads out of the archive.")
    return name
