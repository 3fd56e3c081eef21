"""Whose folders a custom node reads and writes: those of the run it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.compat.calls_in_progress import current_call
from inhouse.errors import NodeExecutionError
from inhouse.files import Folders

if TYPE_CHECKING:
    from inhouse.compat.calls_in_progress import Call


def folders_now(otherwise: Folders) -> Folders:
    """Return the folders of the run that this code runs in; others outside of one."""
    call: Call | None = current_call()
    if call is None:
        return otherwise
    try:
        return call.context.service(Folders)
    except NodeExecutionError:  # an engine without folders, as in a test
        return otherwise
