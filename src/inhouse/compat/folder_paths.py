"""Folders and model files as custom nodes ask for them (the module ``folder_paths``)."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

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
        base: what relative paths of packs are relative to.

    """

    def __init__(self, folders: Folders, catalogue: ModelCatalogue, base: Path) -> None:
        self._folders = folders
        self.base_path = str(base)
        self.models_dir = str(_models_dir(catalogue, base))
        self.supported_pt_extensions = set(MODEL_SUFFIXES)
        self.folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {
            kind: ([str(path) for path in catalogue.folders(kind)], set(self.supported_pt_extensions))
            for kind in catalogue.kinds()
        }

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
        return _there(getattr(self._now, type_name)) if type_name in ("input", "output", "temp") else None

    def get_user_directory(self) -> str:
        """Return the folder of settings that packs keep; it is everybody's."""
        return _there(Path(self.base_path) / "user")

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
