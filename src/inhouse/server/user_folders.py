"""Which folders are whose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.files import Folders, inside

if TYPE_CHECKING:
    from pathlib import Path

SOLE_USER = "default"
"""Who uses a gateway that one person uses; their files lie where ComfyUI would put them."""


@dataclass(frozen=True, slots=True)
class UserFolders:
    """The gateway's folders. The sole user's files lie in them; those of several users each in a folder below.

    Attributes:
        input: uploads.
        output: what SaveImage writes.
        temp: previews.
        state: the gateway's own.

    """

    input: Path
    output: Path
    temp: Path
    state: Path

    @property
    def claims(self) -> Path:
        """The folder in which runs note the names of their files."""
        return self.state / "claims"

    def of(self, user: str) -> Folders:
        """Return a user's folders for pictures."""
        if user == SOLE_USER:
            return Folders(self.input, self.output, self.temp)
        name = folder_name(user)
        return Folders(self.input / name, self.output / name, self.temp / name)

    def path(self, kind: str, user: str, subfolder: str, filename: str) -> Path:
        """Return where a file of a user lies.

        Args:
            kind: ``input``, ``output`` or ``temp``.
            user: whose it is.
            subfolder: below the user's folder of that kind; empty for none.
            filename: its name there.

        Raises:
            PathEscapeError: the name leads out of that folder.

        """
        return inside(getattr(self.of(user), kind), f"{subfolder}/{filename}" if subfolder else filename)

    def profile(self, user: str) -> Path:
        """Return the folder of a user's settings and workflows."""
        return self.state / "users" / folder_name(user)


def folder_name(user: str) -> str:
    """Return a user's name as the name of a folder: another for each user, and never a path."""
    if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", user):
        return user
    return "=" + user.encode().hex()[:200]
