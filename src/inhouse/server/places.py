"""Places for users' files: names that a disk can hold, inside the user's folder."""

from __future__ import annotations

from pathlib import Path

from inhouse.errors import RequestError
from inhouse.files import inside, is_file

_NAME_BYTES = 200
"""Of a name; file systems take 255, and what is written beside a file first has a longer one."""

_PATH_BYTES = 2000


def place(root: Path, name: str) -> Path:
    """Return where a file of that name is to be written below a folder.

    Raises:
        PathEscapeError: the name leads out of the folder.
        RequestError: no file can have that name there.

    """
    path = inside(root, name)
    root = root.resolve()
    if path == root or name.endswith(("/", "\\")):
        raise RequestError(f"{name!r} is no name of a file.", hint="Give it a name.")
    parts = path.relative_to(root).parts
    encoded = [part.encode(errors="surrogatepass") for part in parts]
    if max(map(len, encoded)) > _NAME_BYTES or sum(map(len, encoded)) > _PATH_BYTES:
        raise RequestError("The name is too long.", hint=f"Use at most {_NAME_BYTES} bytes a name.")
    if is_folder(path):
        raise RequestError(f"{name!r} is a folder.", hint="Choose another name.")
    if any(is_file(parent) for parent in path.parents if parent.is_relative_to(root)):
        raise RequestError(f"Part of {name!r} is a file, and no folder.", hint="Choose another folder.")
    return path


def is_folder(path: Path) -> bool:
    """Whether a folder is there; at a name that none can have, such as one too long, there is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
