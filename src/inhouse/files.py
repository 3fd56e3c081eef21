"""Files: folders that nothing leaves, and writes that happen whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from inhouse.errors import FileError, OutputError, PathEscapeError

if TYPE_CHECKING:
    from collections.abc import Callable

PICTURES = re.compile(r"\.(?:apng|avif|bmp|gif|jfif|jpe?g|png|tga|tiff?|webp)$", re.IGNORECASE)
"""Names of pictures that a node may be offered; what loads one looks at its content."""
_MODE = 0o666
"""A new file may be read by whom the user's umask lets, as any other program's."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a run reads pictures from and writes them to.

    Attributes:
        input: what LoadImage reads.
        output: what SaveImage writes.
        temp: what PreviewImage writes.

    """

    input: Path
    output: Path
    temp: Path

    def path(self, name: str, kind: str = "input") -> Path:
        """Return the path of a file in one of the folders; ``name`` may end in `` [output]`` and the like.

        Raises:
            PathEscapeError: the name leads out of the folder.

        """
        match = re.fullmatch(r"(.*) \[(input|output|temp)\]", name)
        if match:
            name, kind = match.groups()
        root: Path = getattr(self, kind)
        return inside(root, name)

    def inputs(self, pattern: re.Pattern[str]) -> list[str]:
        """List the files of the input folder whose name matches, sorted."""
        if not self.input.is_dir():
            return []
        return sorted(entry.name for entry in os.scandir(self.input) if entry.is_file() and pattern.search(entry.name))


def inside(root: Path, name: str) -> Path:
    """Return ``root / name`` if that is below root.

    Raises:
        PathEscapeError: it is not, or the name cannot be a path.

    """
    if "\0" in name:
        raise PathEscapeError(f"{name!r} is no file name.")
    try:
        path = (root / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a circle of symbolic links; half a surrogate pair
        raise PathEscapeError(f"{name!r} leads nowhere in {root}.") from error
    if not path.is_relative_to(root.resolve()):
        raise PathEscapeError(f"{name!r} leaves its folder {root}.", hint="Use a name inside the folder.")
    return path


def is_file(path: Path) -> bool:
    """Whether a file is there; at a name that no file can have, such as one too long, there is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def write_atomic(path: Path, write: Callable[[BinaryIO], object], *, overwrite: bool = True) -> None:
    """Write a file whole or not at all: beside its place, synced to disk, then moved there.

    Args:
        path: where it goes; missing folders are made.
        write: called with the open file.
        overwrite: replace what is there.

    Raises:
        FileExistsError: something is there and ``overwrite`` is False.
        OutputError: the disk is full, the folder cannot be written; nothing is left behind.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _MODE)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.", hint="Choose another folder.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            beside.replace(path)
        else:
            _move_new(beside, path)
    except FileExistsError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "Free some space there." if full else "Choose another folder."
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.", hint=hint) from error
    finally:
        beside.unlink(missing_ok=True)


def _move_new(beside: Path, path: Path) -> None:
    """Move a file to a free name: by a link, or where the disk knows none, by taking the name first."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:
        path.touch(exist_ok=False)
        try:
            beside.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def write_numbered(
    folder: Path, prefix: str, suffix: str, write: Callable[[BinaryIO], object], *, attempts: int = 1000
) -> Path:
    """Write ``<prefix>_00001_<suffix>`` with the next free number; ``prefix`` may name a sub-folder.

    Raises:
        PathEscapeError: the prefix leads out of the folder.
        OutputError: the file cannot be written.

    """
    first = inside(folder, f"{prefix}_{1:05}_{suffix}")
    number = _last_number(first.parent, first.name[: -len(f"_{1:05}_{suffix}")]) + 1
    for candidate in range(number, number + attempts):
        path = first.with_name(f"{first.name[: -len(f'{1:05}_{suffix}')]}{candidate:05}_{suffix}")
        try:
            write_atomic(path, write, overwrite=False)
        except FileExistsError:  # another process was faster
            continue
        return path
    raise OutputError(f"Cannot find a free name for {first} after {attempts} attempts.", hint="Choose another prefix.")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    Raises:
        FileError: it cannot be read.

    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror or error}.") from error


def _last_number(folder: Path, stem: str) -> int:
    pattern = re.compile(re.escape(stem) + r"_(\d+)_?\.[^.]+$")
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:  # it is not there yet, or cannot be written either, which the writing will tell
        return 0
    return max((int(match[1]) for name in names if (match := pattern.match(name))), default=0)
