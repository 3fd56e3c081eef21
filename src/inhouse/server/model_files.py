"""Model files as a canvas's library shows them: what there is, how large, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inhouse.errors import ImageError, PathEscapeError
from inhouse.files import inside, is_file
from inhouse.models.catalogue import ModelCatalogue
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
    """Return the WebP of the picture that lies beside a model; None if there is none that can be read."""
    try:
        model = inside(folder, name)
    except PathEscapeError:
        return None
    for path in _beside(model):
        try:
            return preview(path, "webp", channel="rgba")[0]
        except ImageError:
            continue
    return None


def _beside(model: Path) -> Iterator[Path]:
    stem = model.with_suffix("") if model.suffix else model
    candidates = [stem.with_name(stem.name + suffix) for suffix in _PICTURES]
    candidates += [stem.with_name(f"{stem.name}.preview{suffix}") for suffix in _PICTURES]
    return (path for path in candidates if is_file(path))
