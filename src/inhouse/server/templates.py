"""Templates: the packs' ready-made workflows, as the canvas's template browser lists them."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

_log = logging.getLogger(__name__)

TEXTS = "templates.toml"
"""Beside the workflows: a table for each, by its name, with the fields of ``TemplateText``."""
_PICTURES = ("webp", "jpg", "png")


class TemplateText(BaseModel):
    """What is said of a template; texts by language, of which ``en`` stands for those that are not there.

    Attributes:
        title: its name for people.
        description: a sentence or two.
        tags: what it can be filtered by.
        thumbnail: ``compareSlider`` and ``hoverDissolve`` show two pictures, ``zoomHover`` one.

    """

    model_config = ConfigDict(extra="forbid")

    title: Mapping[str, str] = {}
    description: Mapping[str, str] = {}
    tags: Sequence[str] = ()
    thumbnail: str = ""


class Templates:
    """The templates of all packs; of two with one name the later pack's counts. Methods block on files.

    A template ``name.json`` may have pictures beside it: ``name-1.webp``, and ``name-2.webp`` to compare it with.

    Args:
        folders: where they lie.
        category: the title under which the browser shows them.

    """

    def __init__(self, folders: Sequence[Path], category: str = "Inhouse") -> None:
        self._folders = tuple(folders)
        self._category = category

    def index(self, language: str = "en") -> list[dict[str, Any]]:
        """Return the categories of the template browser, of which this is one."""
        texts = self._texts()
        listed = [_entry(path, texts.get(name, TemplateText()), language) for name, path in self._workflows().items()]
        return [{"moduleName": "default", "title": self._category, "type": "image", "templates": listed}]

    def file(self, name: str) -> Path | None:
        """Return a workflow or a picture by its file's name; None if there is none."""
        if "/" in name or "\0" in name or not name.endswith((".json", *_PICTURES)):
            return None
        return next((found for top in reversed(self._folders) if (found := top / name).is_file()), None)

    def _workflows(self) -> dict[str, Path]:
        return {path.stem: path for top in self._folders for path in sorted(top.glob("*.json"))}

    def _texts(self) -> dict[str, TemplateText]:
        found: dict[str, TemplateText] = {}
        for path in (top / TEXTS for top in self._folders):
            try:
                tables = tomllib.loads(path.read_text(encoding="utf-8"))
                found |= {name: TemplateText.model_validate(table) for name, table in tables.items()}
            except FileNotFoundError:
                continue
            except (OSError, ValueError, ValidationError) as error:
                _log.warning("What %s says of templates cannot be read, and is left out: %s", path, error)
        return found


def _entry(path: Path, text: TemplateText, language: str) -> dict[str, Any]:
    picture = next((kind for kind in _PICTURES if path.with_name(f"{path.stem}-1.{kind}").is_file()), _PICTURES[0])
    return {
        "name": path.stem,
        "title": _in(language, text.title) or path.stem,
        "description": _in(language, text.description),
        "mediaType": "image",
        "mediaSubtype": picture,
        "tags": list(text.tags),
        "models": [],
        **({"thumbnailVariant": text.thumbnail} if text.thumbnail else {}),
    }


def _in(language: str, texts: Mapping[str, str]) -> str:
    """Return a text in a language, or in the one it is a kind of (``zh-TW`` is of ``zh``), or else in English."""
    return texts.get(language) or texts.get(language.partition("-")[0]) or texts.get("en", "")
