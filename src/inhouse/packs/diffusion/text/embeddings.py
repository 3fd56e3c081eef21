"""Textual inversions (Gal et al. 2022): rows of a text model's embedding table that ship as small files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.errors import InhouseError, ModelFormatError, PathEscapeError
from inhouse.files import inside

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "embedding:"
"""Opens the word of a prompt that names a textual inversion."""

_SAFE, _PICKLED = ".safetensors", (".pt", ".bin")
_SUFFIXES = ("", _SAFE, *_PICKLED)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Textual inversions by name.

    Attributes:
        folders: where their files lie, the first that has a name wins.

    """

    folders: tuple[Path, ...] = ()

    def find(self, name: str) -> Path | None:
        """Return the file of that name (``sub/name``, with or without its extension), None where there is none.

        A name that leads out of the folders finds nothing. A pickle is never read; where it was converted, the file
        beside it is found under its name.
        """
        converted = name.rpartition(".")[0] + _SAFE if name.endswith(_PICKLED) else None
        for folder in self.folders:
            for candidate in (converted, *(name + suffix for suffix in _SUFFIXES)):
                path = _file(folder, candidate) if candidate else None
                if path is not None and path.suffix in _SUFFIXES[1:]:
                    return path
        return None

    def vectors(self, name: str, *, encoder: str, width: int) -> Tensor | None:
        """Return the rows (n, width), float32, that a textual inversion holds for one text encoder.

        None, and a warning in the log, where the file is missing, unreadable or made for another width.

        Args:
            name: as :meth:`find` takes it.
            encoder: the encoder's key in files that serve several, such as ``clip_l``.
            width: the encoder's embedding width.

        """
        path = self.find(name)
        if path is None:
            _log.warning("There is no embedding %r in the embeddings folders; the prompt goes on without it.", name)
            return None
        try:
            rows = _select(read_embedding(path), encoder)
        except InhouseError as error:
            _log.warning("%s The prompt goes on without it.", error)
            return None
        if rows.shape[-1] != width:
            _log.warning(
                "Embedding %r is %d wide and the text encoder %s %d: it was made for another model family, "
                "and the prompt goes on without it.",
                name,
                rows.shape[-1],
                encoder,
                width,
            )
            return None
        return rows


def _file(folder: Path, name: str) -> Path | None:
    try:
        path = inside(folder, name)
        return path if path.is_file() else None
    except (PathEscapeError, OSError):  # a name that no file can have, such as one too long
        return None


def read_embedding(path: Path) -> dict[str, Tensor]:
    """Read every tensor of a textual inversion by its name in the file.

    Raises:
        UnsafeModelError: the file is a pickle.
        ModelFormatError: the file is corrupt, or holds no tensor.

    """
    from inhouse.models.formats import open_model
    from inhouse.packs.diffusion.weights import read_all

    tensors = read_all(open_model(path))
    if not tensors:
        raise ModelFormatError(f"Embedding {path.name!r} holds no tensor.")
    return tensors


def _select(tensors: dict[str, Tensor], encoder: str) -> Tensor:
    """Return the rows for one encoder: under its own key, else the first tensor of the file."""
    chosen = tensors.get(encoder, next(iter(tensors.values())))
    return chosen.detach().float().reshape(-1, chosen.shape[-1])
