"""Users' data: workflows and whatever else a canvas keeps for its user, plain files in a folder of theirs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from inhouse.errors import NotFoundError, OutputError, RequestError
from inhouse.files import inside, is_file, write_atomic
from inhouse.server.places import is_folder, place

_FROM_THE_START = ("workflows", "subgraphs")
"""Folders that every canvas lists when it starts."""


class UserData:
    """The files of one user.

    Names are paths relative to the user's folder, with slashes. Files whose name begins with a dot are kept and read,
    but not listed.

    Raises:
        PathEscapeError: from every method, for a name that leads out of the folder.

    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Return where a file lies that there may be or not."""
        return inside(self.root, name)

    def names(self, folder: str, *, recurse: bool) -> list[str]:
        """Return the names of the files in a folder, relative to it; a file has none.

        Raises:
            NotFoundError: there is no such folder.

        """
        top = self._existing(folder)
        found = sorted(path.relative_to(top).as_posix() for path in _files(top, recurse=recurse))
        return sorted(found, key=lambda name: name.count("/"))

    def facts(self, path: Path, relative_to: Path | None = None) -> dict[str, Any]:
        """Return name, size in bytes and times (seconds since the epoch) of a file."""
        found = path.stat()
        name = path.relative_to(relative_to or self.root.resolve()).as_posix()
        return {"path": name, "size": found.st_size, "modified": found.st_mtime, "created": found.st_ctime}

    def tree(self, folder: str) -> list[dict[str, Any]]:
        """Return everything below a folder, folders first, each by name.

        Raises:
            NotFoundError: there is no such folder.
            RequestError: it is a file.

        """
        top = self._existing(folder)
        if not is_folder(top):
            raise RequestError("Requested path is not a directory")
        root = self.root.resolve()
        entries = [entry for path in _everything(top) if (entry := _entry(path, root)) is not None]
        return sorted(entries, key=lambda entry: (entry["type"] != "directory", entry["name"].casefold()))

    def write(self, name: str, content: BinaryIO, *, overwrite: bool) -> Path:
        """Keep a file.

        Raises:
            FileExistsError: there is one, and it is not to be overwritten.
            RequestError: no file can have that name.
            OutputError: the disk is full.

        """
        path = place(self.root, name)
        write_atomic(path, lambda file: shutil.copyfileobj(content, file), overwrite=overwrite)
        return path

    def move(self, source: str, target: str, *, overwrite: bool) -> Path:
        """Give a file another name.

        Raises:
            NotFoundError: there is no such file.
            FileExistsError, RequestError, OutputError: as ``write``.

        """
        path = self.path(source)
        if not is_file(path):
            raise NotFoundError("There is no such file.")
        goal = place(self.root, target)
        if goal != path:
            with _disk("The file cannot be moved"):
                goal.parent.mkdir(parents=True, exist_ok=True)
                _move(path, goal, overwrite=overwrite)
        return goal

    def delete(self, name: str) -> None:
        """Delete a file.

        Raises:
            NotFoundError: there is no such file.
            OutputError: the disk does not let it go.

        """
        path = self.path(name)
        if not is_file(path):
            raise NotFoundError("There is no such file.")
        with _disk("The file cannot be deleted"):
            path.unlink(missing_ok=True)

    def _existing(self, folder: str) -> Path:
        top = self.path(folder)
        if top == self.root.resolve() or folder in _FROM_THE_START:
            top.mkdir(parents=True, exist_ok=True)  # a user who has kept nothing yet has an empty folder
        if not is_folder(top) and not is_file(top):
            raise NotFoundError("There is no such folder.")
        return top


def _files(top: Path, *, recurse: bool) -> Iterator[Path]:
    if recurse:
        yield from (path for path in _everything(top) if is_file(path))
    elif is_folder(top):
        yield from (Path(entry) for entry in os.scandir(top) if not entry.name.startswith(".") and entry.is_file())


def _everything(top: Path) -> Iterator[Path]:
    """Walk a folder without following links, which might lead out of it or in circles."""
    for current, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(current)
        yield from (here / name for name in folders)
        yield from (here / name for name in files if not name.startswith(".") and is_file(here / name))


def _entry(path: Path, root: Path) -> dict[str, Any] | None:
    entry: dict[str, Any] = {"name": path.name, "path": path.relative_to(root).as_posix()}
    if is_folder(path):
        return {**entry, "type": "directory"}
    try:
        found = path.stat()
    except OSError:  # it went away while the folder was read
        return None
    return {**entry, "type": "file", "size": found.st_size, "modified": found.st_mtime}


def _move(path: Path, goal: Path, *, overwrite: bool) -> None:
    if not overwrite:
        try:
            os.link(path, goal)  # which, unlike a rename, fails if there is one
        except FileExistsError:
            raise
        except OSError:  # this disk knows no links
            goal.touch(exist_ok=False)
        else:
            path.unlink()
            return
    path.replace(goal)


@contextmanager
def _disk(problem: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise OutputError(f"{problem}: {error.strerror or error}.") from error
