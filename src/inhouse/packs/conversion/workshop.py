"""Where conversions happen: which files they may read, and where they put what is not finished."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inhouse.errors import ModelNotFoundError
from inhouse.files import inside


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where the nodes of conversion work; whoever builds the engine says it, else nothing outside its folders is read.

    Attributes:
        folder: for drafts; None takes the system's for temporary files. Whoever gives one removes it.
        anywhere: whether sources may lie anywhere on the machine, or be code of the user's: for a command line, whose
            user could read and run them anyway.
        allow_pickle: whether pickles may be read.

    """

    folder: Path | None = None
    anywhere: bool = False
    allow_pickle: bool = False

    def draft_folder(self) -> Path:
        """Make a new folder for a draft."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="draft-", dir=self.folder))

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
