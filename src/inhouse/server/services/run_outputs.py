"""Run outputs: what a workflow's output nodes showed, as outputs of a service."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from inhouse.errors import InhouseError, ServiceError

if TYPE_CHECKING:
    from inhouse.models.signature import Field
    from inhouse.server.user_folders import UserFolders
    from inhouse.storage.services import Version


class RunOutputs:
    """Reads them.

    Args:
        version: what was published, which says which node is which output.
        folders: whose files lie where.

    Attributes:
        names: of the outputs.

    """

    def __init__(self, version: Version, folders: UserFolders) -> None:
        self._fields, self._bindings, self._folders = version.fields_out, version.bindings, folders
        self.names = frozenset(field.name for field in version.fields_out)

    def read(self, user: str, shown: Mapping[str, Any], *, linked: bool) -> dict[str, Any]:
        """Return JSON-ready outputs by field. Blocks.

        Args:
            user: whose run it was.
            shown: what its nodes showed, by id, as its history has it.
            linked: pictures and files as addresses rather than as base64.

        Raises:
            ServiceError: a node showed nothing that fits.

        """
        return {field.name: self._value(user, field, shown, linked=linked) for field in self._fields}

    def _value(self, user: str, field: Field, shown: Mapping[str, Any], *, linked: bool) -> Any:
        node = self._bindings[field.name].partition(".")[0]
        found = shown.get(node) or {}
        if field.kind in ("image", "file"):
            values = [self._file(user, entry, linked=linked) for entry in _files(found)]
        else:
            values = [_plain(field, value) for value in _texts(found)]
        if not values:
            raise ServiceError(
                f"Node {node} showed nothing that is {field.name!r}.", hint="Publish the workflow again."
            )
        return values if field.rows else values[0]

    def _file(self, user: str, entry: Mapping[str, Any], *, linked: bool) -> str:
        name, kind = str(entry["filename"]), str(entry.get("type", "output"))
        subfolder = str(entry.get("subfolder", ""))
        if linked:
            return "/view?" + urlencode({"filename": name, "type": kind, "subfolder": subfolder})
        try:
            return base64.b64encode(self._folders.path(kind, user, subfolder, name).read_bytes()).decode()
        except (OSError, InhouseError) as error:
            raise ServiceError(f"What the run made, {name!r}, cannot be read.") from error


def _files(shown: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entries in shown.values():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and "filename" in entry:
                yield entry


def _texts(shown: Mapping[str, Any]) -> Iterator[Any]:
    for entries in shown.values():
        for entry in entries if isinstance(entries, list | tuple) else (entries,):
            if not (isinstance(entry, Mapping) and "filename" in entry):
                yield entry


def _plain(field: Field, value: Any) -> Any:
    """Return a value as its field's kind; nodes show numbers as texts."""
    if field.kind in ("text", "choice"):
        return value if isinstance(value, str) else json.dumps(value)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value.lower() if field.kind == "boolean" else value)
    except ValueError as error:
        raise ServiceError(f"{field.name!r} is no {field.kind}: {value[:100]!r}.") from error
