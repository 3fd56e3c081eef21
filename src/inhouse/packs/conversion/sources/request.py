"""What a source is opened with, and what all formats check before they read anything."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inhouse.backends.memory import HostMemory, Memory, said
from inhouse.errors import ModelFormatError, ModelNotFoundError, ModelTooLargeError, PathEscapeError
from inhouse.files import digest

_ROOM = 2.5
"""A model is in memory twice while it is exported, and its activations once."""
_MAX_JSON = 50_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be opened.

    Attributes:
        path: the file or folder; of a ``python`` source, the file of its module.
        scratch: a folder for files that are made on the way, which lives as long as the source.
        spec: what the user wrote.
        task: what the model is to be used for; None leaves it to the model.
        data: realistic inputs: a folder of pictures, a .txt or .jsonl of texts, a .npy or .npz of tensors.
        labels: a text file with a label a line.
        architecture: a row of `inhouse.packs.conversion.sources.architectures`; None finds it by the tensors' names.
        allow_pickle: whether pickles may be read, each in a process of its own.
        memory: what there is to load into.

    """

    path: Path
    scratch: Path
    spec: str = ""
    task: str | None = None
    data: Path | None = None
    labels: Path | None = None
    architecture: str | None = None
    allow_pickle: bool = False
    memory: Memory = HostMemory()  # noqa: RUF009 - it holds nothing

    @property
    def name(self) -> str:
        """What the model is called: the file's or folder's name."""
        resolved = self.path.resolve()
        return resolved.name if resolved.is_dir() else resolved.stem


def files_of(folder: Path) -> list[Path]:
    """Return a folder's files, sorted, but for hidden ones.

    Raises:
        ModelNotFoundError: there is no such folder, or nothing in it.
        PathEscapeError: a symbolic link leads out of it.

    """
    root = folder.resolve()
    found = []
    for place, folders, names in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in (*names, *folders):
            path = Path(place, name)
            if path.is_symlink() and not path.resolve().is_relative_to(_cache_root(root)):
                raise PathEscapeError(
                    f"{path.name} in {folder.name} is a symbolic link that leaves the folder.",
                    hint="Replace it by the file.",
                )
        found += [Path(place, name) for name in names if not name.startswith(".")]
    if not found:
        raise ModelNotFoundError(f"{folder} has no files.", hint="Check the name, or download the model.")
    return sorted(found)


def _cache_root(root: Path) -> Path:
    """Return what links may lead to: in Hugging Face's cache, a snapshot's files are links to ``blobs`` beside it."""
    return root.parents[1] if root.parent.name == "snapshots" else root


def hash_of(path: Path) -> str:
    """Return a file's SHA-256, or that of the lines ``name digest`` of a folder's files."""
    if path.is_file():
        return digest(path)
    root = path.resolve()
    lines = (f"{file.relative_to(root).as_posix()} {digest(file)}\n" for file in files_of(root))
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def must_fit(nbytes: int, what: str, memory: Memory) -> None:
    """Refuse a model before it is loaded where memory would not do.

    Args:
        nbytes: of its weights, as they will lie in memory.
        what: its name.
        memory: what there is.

    Raises:
        ModelTooLargeError: it would not fit.

    """
    free = memory.free()
    if free is not None and nbytes * _ROOM > free:
        raise ModelTooLargeError(
            f"{what} has {said(nbytes)} of weights and needs about {said(nbytes * _ROOM)} to convert; "
            f"{said(free)} are free.",
            hint="Free some memory, or convert it on a larger machine.",
        )


def read_json(path: Path, wanted: type[Any] = dict) -> Any:
    """Return a JSON file's content.

    Raises:
        ModelFormatError: it is missing, damaged, huge or of another sort.

    """
    try:
        if path.stat().st_size > _MAX_JSON:
            raise ModelFormatError(f"{path.name} is too large to be a description.", hint="Download the model again.")
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path.name} cannot be read.", hint="Download the whole model.") from error
    if not isinstance(data, wanted):
        raise ModelFormatError(f"{path.name} holds something else than it should.", hint="Download the model again.")
    return data


def weights_size(files: Iterable[Path], suffixes: tuple[str, ...]) -> int:
    """Return the bytes that the weight files among these have on disk."""
    return sum(file.stat().st_size for file in files if file.name.endswith(suffixes))
