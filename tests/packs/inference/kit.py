"""What tests of the pack share: a context, and nodes as an engine would call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inhouse import Context, Workflow
from inhouse.engine.context import Shared
from inhouse.engine.control import Control
from inhouse.files import Folders


def context(root: Path, **services: Any) -> Context:
    """Return a context with folders below one, and further services."""
    folders = Folders(root / "input", root / "output", root / "temp")
    for folder in (folders.input, folders.output):
        folder.mkdir(parents=True, exist_ok=True)
    found: dict[type[Any], Any] = {Folders: folders, **{type(service): service for service in services.values()}}
    shared = Shared({}, frozenset(), frozenset(), "1")
    return Context("", "1", "1", Workflow({}), shared, "", Control(), lambda _event: None, found)
