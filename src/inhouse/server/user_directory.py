"""The directory of users, where clients say who they are (ComfyUI's ``--multi-user``)."""

from __future__ import annotations

import re
import secrets
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

import orjson

from inhouse.errors import RequestError, StorageError
from inhouse.files import write_atomic

_USERS = 1000
"""Names are free to take, so there is an end to them."""

_LETTERS = 100


class UserDirectory:
    """Users by id. Methods block on files, and may be called in any thread.

    Args:
        file: where they are kept; it need not be there yet.
        several: whether several people use the gateway under names that they give themselves.

    """

    def __init__(self, file: Path, *, several: bool) -> None:
        self._file = file
        self.several = several
        self._lock = threading.Lock()

    def names(self) -> Mapping[str, str]:
        """Return the users' names by id.

        Raises:
            StorageError: the file is there and cannot be read.

        """
        try:
            users = orjson.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, orjson.JSONDecodeError) as error:
            raise StorageError(
                f"The list of users in {self._file} cannot be read: {error}.", hint="Mend it."
            ) from error
        return users if isinstance(users, dict) else {}

    def add(self, name: str) -> str:
        """Add a user, and return their id.

        Raises:
            FileExistsError: there is one of that name.
            RequestError: nobody can have that name.
            OutputError: they cannot be written.

        """
        name = name.strip()
        if not name or len(name) > _LETTERS or not name.isprintable():
            raise RequestError("Nobody can have that name.", hint=f"Give one of 1 to {_LETTERS} printable letters.")
        identifier = f"{re.sub(r'[^A-Za-z0-9-]', '-', name)[:24]}_{uuid.UUID(bytes=secrets.token_bytes(16), version=4)}"
        with self._lock:
            users = self.names()
            if name in users.values():
                raise FileExistsError(name)
            if len(users) >= _USERS:
                raise RequestError(f"There are {_USERS} users already.")
            content = orjson.dumps({**users, identifier: name})
            write_atomic(self._file, lambda file: file.write(content))
        return identifier
