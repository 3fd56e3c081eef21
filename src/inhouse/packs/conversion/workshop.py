"""Where conversions happen: which files they may read, and where they put what is not finished."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.errors import ModelNotFoundError
from inhouse.files import inside

if TYPE_CHECKING:
    from inhouse.packs.conversion.model import SourceModel


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where the nodes of conversion work; whoever builds the engine says it, else nothing outside its folders is read.

    Attributes:
        folder: for drafts; None takes the system's for temporary files.
        anywhere: whether sources may lie anywhere on the machine, or be code of the user's: for a command line, whose
            user could read and run them anyway.
        allow_pickle: whether pickles may be read.

    """

    folder: Path | None = None
    anywhere: bool = False
    allow_pickle: bool = False

    def draft_folder(self, source: SourceModel) -> Path:
        """Make a new folder for drafts of a model; it goes when the last of them does."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="draft-", dir=self.folder))
        owner = getattr(source.answer, "__self__", source.answer)  # which each draft holds, and nothing else for long
        weakref.finalize(owner, shutil.rmtree, made, ignore_errors=True)
        return made

    def place(self, name: str, roots: Iterable[Path]) -> Path:
        """Return where a file or folder of that name lies below the first root that has it.

        Raises:
            PathEscapeError: it leads out of them.
            ModelNotFoundError: none has it.

        """
        for root in roots:
            path = inside(root, name)
            if path.exists():
                return path
        raise ModelNotFoundError(f"There is no {name}.", hint="Put it into a folder of models, or of inputs.")
