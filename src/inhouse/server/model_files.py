"""Model files as a canvas's library shows them: what there is, how large, and how it looks."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from inhouse.errors import ImageError, ModelError, PathEscapeError
from inhouse.files import inside, is_file
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.safetensors_file import open_safetensors
from inhouse.server.pictures import preview

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def shown_folder(folder: Path) -> str:
    """Return a folder's name for people who need not know where it lies on the server's disk."""
    return "/".join(folder.parts[-2:])


def listing(catalogue: ModelCatalogue, kind: str) -> list[dict[str, Any]]:
    """Return the model files of a kind, with the folder that each lies in, size (bytes) and times (seconds).

    Raises:
        ModelNotFoundError: there is no such kind.

    """
    folders = catalogue.folders(kind)
    found = []
    for name in catalogue.names(kind):
        place = next((place for place, folder in enumerate(folders) if (folder / name).exists()), None)
        if place is not None:  # it may have been deleted meanwhile
            stat = (folders[place] / name).stat()
            found.append(
                {
                    "name": name,
                    "pathIndex": place,
                    "modified": stat.st_mtime,
                    "created": stat.st_ctime,
                    "size": stat.st_size,
                }
            )
    return found


def cover(folder: Path, name: str) -> bytes | None:
    """Return the WebP of the picture that lies beside a model, or in it; None if there is none that can be read."""
    try:
        model = inside(folder, name)
    except PathEscapeError:
        return None
    for picture in _pictures(model):
        try:
            return preview(picture, "webp", channel="rgba")[0]
        except ImageError:
            continue
    return None


def _pictures(model: Path) -> Iterator[Path | BinaryIO]:
    yield from _beside(model)
    yield from _within(model)


def _beside(model: Path) -> Iterator[Path]:
    stem = model.with_suffix("") if model.suffix else model
    candidates = [stem.with_name(stem.name + suffix) for suffix in _PICTURES]
    candidates += [stem.with_name(f"{stem.name}.preview{suffix}") for suffix in _PICTURES]
    return (path for path in candidates if is_file(path))


def _within(model: Path) -> Iterator[BinaryIO]:
    """Yield the pictures that a .safetensors file has in its metadata: as a data URL (ModelSpec), or as a list."""
    try:
        metadata = open_safetensors(model).metadata if model.suffix == ".safetensors" and is_file(model) else {}
        listed = json.loads(metadata.get("ssmd_cover_images", "[]"))
    except (ModelError, OSError, ValueError, RecursionError):
        return
    given = [metadata.get("modelspec.thumbnail", ""), *(listed if isinstance(listed, list) else ())]
    for text in given:
        if isinstance(text, str) and text:
            with suppress(ValueError):
                yield io.BytesIO(base64.b64decode(text.rpartition(",")[2], validate=True))
