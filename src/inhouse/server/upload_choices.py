"""Upload choices: what nodes of custom packs list of a user's uploads, which only the gateway knows of."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inhouse.files import PICTURES, is_file

if TYPE_CHECKING:
    from inhouse.files import Folders

_KINDS = {"image_upload": "image/", "video_upload": "video/", "audio_upload": "audio/", "file_upload": ""}
"""Options of inputs that a canvas uploads files for, and what the types of those files start with."""


def declared(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a description by name, each as ``[type, options]``."""
    sections = entry.get("input", {})
    return {name: given for part in ("optional", "required") for name, given in sections.get(part, {}).items()}


class Uploads:
    """The files that a user has uploaded, listed once.

    Args:
        folders: the user's.

    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._files: list[str] | None = None

    def choices(self, given: Any) -> Sequence[Any]:
        """Return the choices of a described input; uploads of the user's, and of nobody else, are among them."""
        listed, options = _choices(given)
        kind = next((kind for option, kind in _KINDS.items() if options.get(option)), None)
        if kind is None or options.get("image_folder", "input") != "input":
            return listed
        own = [name for name in listed if isinstance(name, str) and is_file(self._folders.input / name)]
        return sorted({*own, *(name for name in self._listed() if _is(name, kind))})

    def in_entry(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the description of a node with the user's uploads among its choices."""
        changed = dict(entry.get("input", {}))
        for section in ("required", "optional"):
            for name, given in entry.get("input", {}).get(section, {}).items():
                if any(_choices(given)[1].get(option) for option in _KINDS):
                    changed[section] = {**changed[section], name: _with_choices(given, self.choices(given))}
        return {**entry, "input": changed}

    def _listed(self) -> list[str]:
        if self._files is None:
            try:
                self._files = [entry.name for entry in os.scandir(self._folders.input) if entry.is_file()]
            except OSError:
                self._files = []
        return self._files


def _choices(given: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
    if not isinstance(given, list | tuple) or not given:
        return (), {}
    options = given[1] if len(given) > 1 and isinstance(given[1], Mapping) else {}
    listed = given[0] if isinstance(given[0], list | tuple) else options.get("options") or ()
    return listed, options


def _with_choices(given: Sequence[Any], listed: Sequence[Any]) -> list[Any]:
    if isinstance(given[0], list | tuple):
        return [listed, *given[1:]]
    return [given[0], {**given[1], "options": listed}]


def _is(name: str, kind: str) -> bool:
    if kind == "image/":
        return PICTURES.search(name) is not None
    return (mimetypes.guess_type(name)[0] or "").startswith(kind)
