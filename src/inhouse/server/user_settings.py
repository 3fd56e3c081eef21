"""Users' settings: one JSON object a user, in a file that ComfyUI's users know."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

import orjson

from inhouse.errors import RequestError, TooLargeError
from inhouse.files import write_atomic
from inhouse.server.user_folders import UserFolders

_log = logging.getLogger(__name__)

_LARGEST = 4 << 20
"""Bytes; the file is read and written whole at each change."""

FILE = "comfy.settings.json"


class UserSettings:
    """What users' canvases remember. Methods block on files, and may be called in any thread.

    Args:
        folders: where users' profiles lie.

    """

    def __init__(self, folders: UserFolders) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        """A canvas sends several changes at once; each has to see the one before."""

    def of(self, user: str) -> dict[str, Any]:
        """Return a user's settings; a file that cannot be read counts as empty."""
        try:
            settings = orjson.loads((self._folders.profile(user) / FILE).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, orjson.JSONDecodeError) as error:
            _log.warning("The settings of user %r cannot be read and count as empty: %s", user, error)
            return {}
        return settings if isinstance(settings, dict) else {}

    def change(self, user: str, values: Mapping[str, Any]) -> None:
        """Change some of a user's settings.

        Raises:
            RequestError: they are nested too deep.
            TooLargeError: with them, all settings together would be too large.
            OutputError: they cannot be written; those that were there are still there.

        """
        with self._lock:
            content = _written({**self.of(user), **values})
            if len(content) > _LARGEST:
                raise TooLargeError(f"All settings of a user together have at most {_LARGEST >> 20} MB.")
            write_atomic(self._folders.profile(user) / FILE, lambda file: file.write(content))


def _written(settings: Mapping[str, Any]) -> bytes:
    """Return the file's content, laid out for people to read."""
    try:
        return json.dumps(settings, indent=4).encode()
    except RecursionError:
        raise RequestError("The setting is nested too deep.") from None
