"""What custom packs bring for a canvas besides nodes: scripts, example workflows, translations, subgraphs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from inhouse.errors import PathEscapeError
from inhouse.files import inside, is_file
from inhouse.workers.base import PackDescription

_log = logging.getLogger(__name__)

_EXAMPLES = ("example_workflows", "example", "examples", "workflow", "workflows")
_TRANSLATED = ("nodeDefs", "commands", "settings")
_LARGEST = 16 * 1024 * 1024
"""Of a translation or a subgraph, in bytes."""


def scripts(pack: str, web: Path) -> list[str]:
    """Return the addresses of a pack's scripts, which a canvas loads."""
    return [f"/extensions/{pack}/{name}" for name in _below(web) if name.endswith(".js")]


def examples(pack: PackDescription) -> list[str]:
    """Return the names of a pack's example workflows, without ``.json``."""
    folders = [pack.folder / name for name in _EXAMPLES] if pack.folder else []
    return [path.stem for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.json"))]


def example_file(pack: PackDescription, name: str) -> Path | None:
    """Return a file of a pack's example workflows, which a thumbnail may lie among; None if there is none."""
    for folder in _EXAMPLES:
        try:
            path = inside(pack.folder / folder, name) if pack.folder else None
        except PathEscapeError:
            return None
        if path is not None and is_file(path):
            return path
    return None


def translations(packs: Sequence[PackDescription]) -> dict[str, Any]:
    """Return all packs' texts by language; where two have the same text the later one wins."""
    merged: dict[str, Any] = {}
    for pack in packs:
        folder = pack.folder / "locales" if pack.folder else None
        if folder is None or not folder.is_dir():
            continue
        for language in sorted(path for path in folder.iterdir() if path.is_dir()):
            texts = merged.setdefault(language.name, {})
            _merge(texts, _object(language / "main.json"))
            for part in _TRANSLATED:
                if found := _object(language / f"{part}.json"):
                    _merge(texts, {part: found})
    return merged


def subgraphs(packs: Sequence[PackDescription]) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Return file and description of the packs' subgraphs by an id that stays as long as pack and name do."""
    found = {}
    for pack in packs:
        folder = pack.folder / "subgraphs" if pack.folder else None
        for path in sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else ():
            identifier = hashlib.sha256(f"{pack.name}/{path.name}".encode(errors="replace")).hexdigest()[:32]
            found[identifier] = (path, {"name": path.stem, "info": {"node_pack": pack.name}})
    return found


def text_of(path: Path) -> str | None:
    """Return a file's text; None if it cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _object(path: Path) -> dict[str, Any]:
    text = text_of(path) if path.is_file() else None
    try:
        found = json.loads(text) if text is not None else {}
    except (ValueError, RecursionError):
        _log.warning("%s is no JSON, and is left out.", path)
        return {}
    return found if isinstance(found, dict) else {}


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        else:
            into[key] = value


def _below(top: Path) -> Iterator[str]:
    for current, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            yield (Path(current) / name).relative_to(top).as_posix()
