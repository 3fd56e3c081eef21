"""Uploads: files that users give, under a name that is free."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from inhouse.files import is_file, write_atomic
from inhouse.server.places import place

_CHUNK = 1 << 20
_ATTEMPTS = 10_000


def keep(root: Path, subfolder: str, name: str, content: BinaryIO, *, overwrite: bool) -> str:
    """Keep a file, and return its name: ``name (1).png`` and so on if another file goes by the name already.

    A file that is there with the same content under one of these names is left as it is.

    Raises:
        PathEscapeError: the name or the subfolder leads out of the folder.
        RequestError: no file can have that name.
        OutputError: the disk is full.

    """
    for candidate in _names(name):
        path = place(root, f"{subfolder}/{candidate}" if subfolder else candidate)
        content.seek(0)
        if not overwrite and is_file(path):
            if _same(path, content):
                return candidate
            continue
        try:
            write_atomic(path, lambda file: shutil.copyfileobj(content, file, _CHUNK), overwrite=overwrite)
        except FileExistsError:  # somebody else was faster
            continue
        return candidate
    raise FileExistsError(name)


def _names(name: str) -> Iterator[str]:
    yield name
    path = Path(name)
    yield from (f"{path.stem} ({number}){path.suffix}" for number in range(1, _ATTEMPTS))


def _same(path: Path, content: BinaryIO) -> bool:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if content.read(len(chunk)) != chunk:
                return False
    return not content.read(1)
