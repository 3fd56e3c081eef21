"""Folders and model files as custom nodes ask for them (the module ``folder_paths``)."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.compat.call_folders import folders_now
from inhouse.errors import PathEscapeError
from inhouse.files import inside
from inhouse.models.folders import canonical_kind
from inhouse.models.formats import MODEL_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inhouse.files import Folders
    from inhouse.models.catalogue import ModelCatalogue

_ANNOTATION = re.compile(r"(.*) \[(input|output|temp)\]")


class FolderPaths:
    """What the module ``folder_paths`` offers; its public methods and attributes are the module's.

    Args:
        folders: where pictures lie.
        catalogue: where models lie.
        packs: the folder of the packs; what their relative paths are relative to is the folder that it is in.

    """

    def __init__(self, folders: Folders, catalogue: ModelCatalogue, packs: Path) -> None:
        base = packs.absolute().parent
        self._folders = folders
        self.base_path = str(base)
        self.models_dir = str(_models_dir(catalogue, base))
        self.supported_pt_extensions = set(MODEL_SUFFIXES)
        self.folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {
            kind: ([str(path) for path in catalogue.folders(kind)], set(self.supported_pt_extensions))
            for kind in catalogue.kinds()
        }
        self.folder_names_and_paths.setdefault("custom_nodes", ([str(packs)], set()))
        self.filename_list_cache: dict[str, Any] = {}
        self.cache_helper = _NoCache()

    @property
    def _now(self) -> Folders:
        return folders_now(self._folders)

    def get_input_directory(self) -> str:
        """Return the folder of pictures to read."""
        return _there(self._now.input)

    def get_output_directory(self) -> str:
        """Return the folder of results."""
        return _there(self._now.output)

    def get_temp_directory(self) -> str:
        """Return the folder of previews."""
        return _there(self._now.temp)

    def get_directory_by_type(self, type_name: str) -> str | None:
        """Return the folder called ``input``, ``output`` or ``temp``; None for another name."""
        return self.directory(type_name) if type_name in ("input", "output", "temp") else None

    def directory(self, kind: str) -> str:
        """Return the folder called ``input``, ``output`` or ``temp``."""
        return _there(getattr(self._now, kind))

    def get_user_directory(self) -> str:
        """Return the folder of settings that packs keep; it is everybody's."""
        return _there(Path(self.base_path) / "user")

    def get_system_user_directory(self, name: str = "system") -> str:
        """Return a folder for a pack's own settings, which no route serves."""
        return _there(inside(Path(self.get_user_directory()), f"__{name}"))

    def get_public_user_directory(self, user_id: str) -> str | None:
        """Return a user's folder among the settings that packs keep; None for a name that is not a user's."""
        if user_id.startswith("__"):
            return None
        return str(inside(Path(self.get_user_directory()), user_id))

    def get_input_subfolders(self) -> list[str]:
        """Return the sorted names of all folders below the one of pictures to read."""
        root = self._now.input
        found = ((Path(current) / name).relative_to(root) for current, names, _ in os.walk(root) for name in names)
        return sorted(path.as_posix() for path in found)

    def get_folder_paths(self, folder_name: str) -> list[str]:
        """Return the folders of a kind of model."""
        return self.folder_names_and_paths[canonical_kind(folder_name)][0][:]

    def add_model_folder_path(self, folder_name: str, full_folder_path: str, is_default: bool = False) -> None:  # noqa: FBT001, FBT002 - packs call it so
        """Add a folder to a kind of model, new or not, as the first to look in if it is to be the default."""
        kind = canonical_kind(folder_name)
        paths, _ = self.folder_names_and_paths.setdefault(kind, ([], set()))
        if full_folder_path not in paths:
            paths.insert(0 if is_default else len(paths), full_folder_path)

    def get_filename_list(self, folder_name: str) -> list[str]:
        """Return the sorted names of the files of a kind, relative to their folders.

        Raises:
            KeyError: there is no such kind.

        """
        paths, suffixes = self.folder_names_and_paths[canonical_kind(folder_name)]
        return sorted({name for path in paths for name in _walk(Path(path), suffixes)})

    def get_filename_list_(self, folder_name: str) -> tuple[list[str], dict[str, float], float]:
        """Return names as ``get_filename_list`` does, the folders there are with their times of change, and the time.

        Raises:
            KeyError: there is no such kind.

        """
        paths, _ = self.folder_names_and_paths[canonical_kind(folder_name)]
        times = {folder: os.stat(folder).st_mtime for root in paths for folder, _, _ in os.walk(root)}  # noqa: PTH116
        return self.get_filename_list(folder_name), times, time.perf_counter()

    def recursive_search(
        self, directory: str, excluded_dir_names: Sequence[str] | None = None
    ) -> tuple[list[str], dict[str, float]]:
        """Return all files below a folder, relative to it, and the folders with their times of change."""
        names, times = [], {}
        for current, subfolders, files in os.walk(directory, followlinks=True):
            subfolders[:] = [name for name in subfolders if name not in (excluded_dir_names or ())]
            times[current] = Path(current).stat().st_mtime
            names += [os.path.relpath(Path(current) / name, directory) for name in files]
        return names, times

    def filter_files_content_types(self, files: Iterable[str], content_types: Sequence[str]) -> list[str]:
        """Return the files that are of a type by their names: ``image``, ``video``, ``audio``, ``model``."""
        types = tuple(f"{content_type}/" for content_type in content_types)
        return [name for name in files if (mimetypes.guess_type(name)[0] or "").startswith(types)]

    def filter_files_extensions(self, files: Iterable[str], extensions: Sequence[str]) -> list[str]:
        """Return the sorted files that end so; all of them where no ending is named."""
        wanted = {extension.lower() for extension in extensions}
        return sorted(name for name in files if not wanted or Path(name).suffix.lower() in wanted)

    def get_full_path(self, folder_name: str, filename: str) -> str | None:
        """Return the path of a file of a kind; None if there is none, or the name leads out of its folder."""
        for folder in self.folder_names_and_paths.get(canonical_kind(folder_name), ([], set()))[0]:
            try:
                path = inside(Path(folder), filename.replace("\\", "/"))
            except PathEscapeError:
                continue
            if path.is_file():
                return str(path)
        return None

    def get_full_path_or_raise(self, folder_name: str, filename: str) -> str:
        """Return the path of a file of a kind.

        Raises:
            FileNotFoundError: there is none.

        """
        path = self.get_full_path(folder_name, filename)
        if path is None:
            raise FileNotFoundError(f"There is no {filename!r} among the {folder_name}.")
        return path

    def annotated_filepath(self, name: str) -> tuple[str, str | None]:
        """Split ``name [output]`` into the name and that folder; without an annotation the folder is None."""
        match = _ANNOTATION.fullmatch(name)
        return (match[1], self.get_directory_by_type(match[2])) if match else (name, None)

    def get_annotated_filepath(self, name: str, default_dir: str | None = None) -> str:
        """Return the path of a picture, which may be annotated; else it is in ``default_dir``, or the input folder.

        Raises:
            PathEscapeError: the name leads out of the folder.

        """
        plain, folder = self.annotated_filepath(name)
        return str(inside(Path(folder or default_dir or self._now.input), plain))

    def exists_annotated_filepath(self, name: str) -> bool:
        """Whether there is such a picture."""
        try:
            return Path(self.get_annotated_filepath(name)).exists()
        except PathEscapeError:
            return False

    def get_save_image_path(
        self, filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
    ) -> tuple[str, str, int, str, str]:
        """Return where to save the next picture: folder, name, number, sub-folder and the prefix filled in.

        Raises:
            PathEscapeError: the prefix leads out of the folder.

        """
        prefix = filename_prefix.replace("%width%", str(image_width)).replace("%height%", str(image_height))
        for name, code in (
            ("year", "%Y"),
            ("month", "%m"),
            ("day", "%d"),
            ("hour", "%H"),
            ("minute", "%M"),
            ("second", "%S"),
        ):
            prefix = prefix.replace(f"%{name}%", time.strftime(code))
        target = inside(Path(output_dir), prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        number = re.compile(re.escape(target.name) + r"_(\d+)")
        taken = [int(match[1]) for path in target.parent.iterdir() if (match := number.match(path.name))]
        subfolder = os.path.relpath(target.parent, Path(output_dir).resolve())
        return str(target.parent), target.name, max(taken, default=0) + 1, "" if subfolder == "." else subfolder, prefix


class _NoCache(contextlib.AbstractContextManager[None]):
    """Stands where packs clear a cache of listings: folders are listed anew each time."""

    active = False

    def __exit__(self, *_error: object) -> None:
        return None

    def clear(self) -> None:
        """Do nothing."""

    def get(self, _key: str, default: Any = None) -> Any:
        """Know nothing."""
        return default

    def set(self, _key: str, _value: Any) -> None:
        """Keep nothing."""


def _there(folder: Path) -> str:
    """Return a folder, which packs take for granted: it is made if it can be."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _models_dir(catalogue: ModelCatalogue, base: Path) -> Path:
    folders = catalogue.folders("checkpoints") if "checkpoints" in catalogue.kinds() else ()
    return folders[0].parent if folders else base / "models"


def _walk(folder: Path, suffixes: set[str]) -> Iterable[str]:
    for current, _, files in os.walk(folder, followlinks=True):
        here = Path(current).relative_to(folder)
        yield from ((here / name).as_posix() for name in files if not suffixes or Path(name).suffix.lower() in suffixes)
