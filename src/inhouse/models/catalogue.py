"""Models by kind and name: what there is, and where it lies."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.errors import ModelNotFoundError, PathEscapeError
from inhouse.files import is_file
from inhouse.models.folders import canonical_kind
from inhouse.models.formats import MODEL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator

_INDEX = "model_index.json"
_SUFFIXES = MappingProxyType({"configs": frozenset({".yaml", ".yml"})})
_FOLDER_KINDS = frozenset({"checkpoints", "diffusers"})
_LISTED = 20


class ModelCatalogue:
    """The model files under some folders.

    A name is a file's path relative to its folder, with slashes (``sub/model.safetensors``); a diffusers folder, one
    that has a ``model_index.json``, counts as one model. Folders are read at each call, so that a file just copied is
    seen. Symbolic links are followed: whoever may link into the folder may also copy into it.
    """

    def __init__(self, folders: Mapping[str, Sequence[Path]]) -> None:
        merged: dict[str, tuple[Path, ...]] = {}
        for kind, paths in folders.items():
            name = canonical_kind(kind)
            merged[name] = tuple(dict.fromkeys((*merged.get(name, ()), *paths)))
        self._folders = merged

    def kinds(self) -> list[str]:
        """Return the kinds of model there are folders for."""
        return list(self._folders)

    def folders(self, kind: str) -> tuple[Path, ...]:
        """Return the folders of a kind, the one that wins first.

        Raises:
            ModelNotFoundError: there is no such kind.

        """
        try:
            return self._folders[canonical_kind(kind)]
        except KeyError:
            kinds = ", ".join(self._folders)
            raise ModelNotFoundError(f"No kind of model is called {kind!r}.", hint=f"There are: {kinds}.") from None

    def names(self, kind: str) -> list[str]:
        """Return the sorted names of all models of a kind.

        Raises:
            ModelNotFoundError: there is no such kind.

        """
        kind = canonical_kind(kind)
        return sorted({name for folder in self.folders(kind) for name in _walk(folder, kind)})

    def path(self, kind: str, name: str) -> Path:
        """Return the path of a model. Backslashes, as workflows saved on Windows have them, are taken as slashes.

        Raises:
            PathEscapeError: the name leads out of the folder.
            ModelNotFoundError: no such model; the message names close matches and where it looked.

        """
        kind = canonical_kind(kind)
        relative = _relative(name)
        for folder in self.folders(kind):
            path = folder / relative
            if is_file(path) or (kind in _FOLDER_KINDS and is_file(path / _INDEX)):
                return path
        raise ModelNotFoundError(f"There is no {name!r} among the {kind}.", hint=self._suggest(kind, str(relative)))

    def _suggest(self, kind: str, name: str) -> str:
        names = self.names(kind)
        parts = []
        if close := _close(name, names):
            parts.append(f"Did you mean {_enumerate(close)}?")
        elif names:
            rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            parts.append(f"There are {_enumerate(names[:_LISTED])}{rest}.")
        parts.extend(
            f"A file of that name lies among the {other}."
            for other, folders in self._folders.items()
            if other != kind and any(is_file(folder / name) for folder in folders)
        )
        looked = [str(folder) if folder.is_dir() else f"{folder} (no such folder)" for folder in self.folders(kind)]
        parts.append(f"Looked in {_enumerate(looked) or 'no folder'}.")
        return " ".join(parts)


def _relative(name: str) -> PurePosixPath:
    """Return the name as a path that stays below its folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts or "\0" in name:
        raise PathEscapeError(
            f"{name!r} is no name of a model: it leads out of the models folder.",
            hint="Write it as the list of models shows it.",
        )
    return path


def _walk(folder: Path, kind: str) -> Iterator[str]:
    suffixes = _SUFFIXES.get(kind, MODEL_SUFFIXES)
    seen: set[str] = set()
    for current, subfolders, files in os.walk(folder, followlinks=True):
        here = Path(current)
        real = os.path.realpath(current)
        if real in seen:  # a link that leads back up
            subfolders.clear()
            continue
        seen.add(real)
        if kind in _FOLDER_KINDS and _INDEX in files and here != folder:
            subfolders.clear()
            yield here.relative_to(folder).as_posix()
            continue
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        if kind != "diffusers":
            names = (name for name in files if not name.startswith(".") and Path(name).suffix.lower() in suffixes)
            yield from ((here / name).relative_to(folder).as_posix() for name in names)


def _close(name: str, names: Sequence[str]) -> list[str]:
    """Return names like it: the same file in another folder first, then similar spellings.

    Extensions do not count: one that all have would make any two names alike.
    """
    wanted = PurePosixPath(name).stem.casefold()
    stems: dict[str, list[str]] = {}
    for other in names:
        stems.setdefault(PurePosixPath(other).stem.casefold(), []).append(other)
    similar = difflib.get_close_matches(wanted, stems, n=3, cutoff=0.6)
    return [other for stem in dict.fromkeys((wanted, *similar)) for other in stems.get(stem, [])][:5]


def _enumerate(names: Sequence[str]) -> str:
    return ", ".join(names)
