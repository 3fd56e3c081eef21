"""Files: folders that nothing leaves, and writes that happen whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import secrets
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from inhouse.errors import FileError, OutputError, PathEscapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
        claims: the names that the run holds; None where no run is ever tried again.

    """

    input: Path
    output: Path
    temp: Path
    claims: Claims | None = field(default=None, compare=False)

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

    def claim(self, claimant: str, folder: Path, suffix: str) -> Claim | None:
        """Return a node's claim to its next file of that kind; see ``Claims``."""
        return None if self.claims is None else self.claims.next(claimant, folder, suffix)

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


def write_atomic(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    overwrite: bool = True,
    mode: int = _MODE,
    begun: Callable[[Path], None] | None = None,
    written: Callable[[os.stat_result], None] | None = None,
) -> None:
    """Write a file whole or not at all: beside its place, synced to disk, then moved there.

    Args:
        path: where it goes; missing folders are made.
        write: called with the open file.
        overwrite: replace what is there.
        mode: who may do what with it, less what the user's umask takes away.
        begun: called with the place beside it, before anything is there.
        written: called with what the disk says of the file just before it is moved.

    Raises:
        FileExistsError: something is there and ``overwrite`` is False.
        OutputError: the disk is full, the folder cannot be written; nothing is left behind.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}")
        if begun is not None:
            begun(beside)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.", hint="Choose another folder.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if written is not None:
            written(beside.stat())
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


@dataclass(frozen=True, slots=True)
class Claim:
    """One name that a run holds, or is about to.

    Attributes:
        held: the file that it wrote under this claim when it was tried before, if that is still there.
        begin: keeps that something is being written in a place, which is of no use to anybody if it stays there.
        note: keeps that a file is the run's, before it has its name.

    """

    held: Path | None
    begin: Callable[[Path], None]
    note: Callable[[Path, os.stat_result], None]


class Claims:
    """The names of the files that a run writes, noted in a journal: tried again, it writes over its own and no others.

    A node's n-th file is the same file each time. What it is told apart by is what the disk says of it (number and time
    of change), so that nobody else's file is overwritten that took the name meanwhile. The journal survives the death
    of the process; it is not synced, as after a power cut a second copy is the least of evils.

    Args:
        folder: has a journal for each run.
        run_id: the run.

    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self._journal = folder / _journal_name(run_id)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._noted: dict[str, list[tuple[str, int, int]]] | None = None

    def next(self, claimant: str, folder: Path, suffix: str) -> Claim:
        """Return a node's next claim to a file of that kind in that folder."""
        with self._lock:
            noted = self._noted = self._read() if self._noted is None else self._noted
            kind = json.dumps([claimant, str(folder), suffix])
            self._counts[kind] += 1
            key = f"{self._counts[kind]} {kind}"
            held = next((Path(path) for path, *mark in reversed(noted.get(key, ())) if _mark(Path(path)) == mark), None)
        return Claim(
            held,
            lambda path: self._note([_BEGUN, str(path)]),
            lambda path, status: self._note([key, str(path), status.st_ino, status.st_mtime_ns]),
        )

    def forget(self) -> None:
        """Delete the journal, and what a process that died left half-written: the run will not be tried again."""
        _entries(self._journal)
        self._journal.unlink(missing_ok=True)

    @staticmethod
    def sweep(folder: Path, run_ids: Iterable[str]) -> None:
        """Delete every journal but those of some runs: the others ended while nobody was there to delete theirs."""
        kept = {_journal_name(run_id) for run_id in run_ids}
        for journal in folder.iterdir() if folder.is_dir() else ():
            if journal.name not in kept:
                _entries(journal)
                journal.unlink(missing_ok=True)

    def _note(self, entry: list[object]) -> None:
        self._journal.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, json.dumps(entry).encode() + b"\n")
        finally:
            os.close(handle)

    def _read(self) -> dict[str, list[tuple[str, int, int]]]:
        noted: dict[str, list[tuple[str, int, int]]] = {}
        for entry in _entries(self._journal):
            with contextlib.suppress(ValueError, TypeError):
                key, path, number, changed = entry
                noted.setdefault(key, []).append((path, number, changed))
        return noted


_BEGUN = "begun"


def _entries(journal: Path) -> list[Any]:
    """Return what a journal says of files that have their names; what was only begun is deleted."""
    entries = []
    try:
        lines = journal.read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        with contextlib.suppress(
            ValueError, TypeError, LookupError, OSError
        ):  # the last line of a process that was killed
            entry = json.loads(line)
            if entry[0] == _BEGUN:
                Path(entry[1]).unlink(missing_ok=True)
            else:
                entries.append(entry)
    return entries


def _journal_name(run_id: str) -> str:
    return hashlib.sha256(run_id.encode(errors="surrogatepass")).hexdigest()


def _mark(path: Path) -> list[int] | None:
    """Return what tells a file from another one of its name; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_ino, status.st_mtime_ns]


def write_numbered(
    folder: Path,
    prefix: str,
    suffix: str,
    write: Callable[[BinaryIO], object],
    *,
    claim: Claim | None = None,
    attempts: int = 1000,
) -> Path:
    """Write ``<prefix>_00001_<suffix>`` with the next free number; ``prefix`` may name a sub-folder.

    Args:
        folder: the prefix is below it.
        prefix: the beginning of the name.
        suffix: its end.
        write: called with the open file.
        claim: a file that was written under it before is replaced, and no new name is taken.
        attempts: how many numbers to try if others take them at the same time.

    Raises:
        PathEscapeError: the prefix leads out of the folder.
        OutputError: the file cannot be written.

    """
    if claim is not None and claim.held is not None:
        held = claim.held
        write_atomic(held, write, begun=claim.begin, written=lambda status: claim.note(held, status))
        return held
    first = inside(folder, f"{prefix}_{1:05}_{suffix}")
    number = _last_number(first.parent, first.name[: -len(f"_{1:05}_{suffix}")]) + 1
    for candidate in range(number, number + attempts):
        path = first.with_name(f"{first.name[: -len(f'{1:05}_{suffix}')]}{candidate:05}_{suffix}")
        begin, note = (None, None) if claim is None else (claim.begin, functools.partial(claim.note, path))
        try:
            write_atomic(path, write, overwrite=False, begun=begin, written=note)
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
