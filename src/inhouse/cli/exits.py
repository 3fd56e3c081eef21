"""Exit codes: stable, so that scripts may rely on them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from inhouse.errors import (
    AccuracyError,
    FileError,
    InhouseError,
    InputNotFoundError,
    InternalError,
    InterruptedRunError,
    ModelError,
    ModelNotFoundError,
    NodeError,
    PathEscapeError,
    WorkflowError,
    WorkflowInvalidError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exit(IntEnum):
    """What the process tells its caller."""

    OK = 0
    """All went well."""
    FAILED = 1
    """A node failed; the other outputs are there."""
    USAGE = 2
    """The command line itself is wrong."""
    INVALID = 3
    """The workflow cannot be read, or validation found faults; nothing ran."""
    MODEL = 4
    """A model is missing, corrupt or refused."""
    FILES = 5
    """A file or folder cannot be read or written."""
    UNFIT = 6
    """``inhouse doctor`` found that something will not work on this machine."""
    SLOWER = 7
    """``inhouse bench --fail-if-slower`` found that something really is."""
    ACCURACY = 8
    """What ``inhouse convert`` came to answers differently from the original; nothing was written."""
    INTERNAL = 70
    """A fault of Inhouse itself (EX_SOFTWARE of BSD's sysexits)."""
    INTERRUPTED = 130
    """Somebody stopped it; what was done is saved."""
    PIPE = 141
    """Whoever read standard output went away, as ``head`` does."""


def exit_code(error: InhouseError) -> Exit:
    """Return the exit code that an error ends the process with."""
    if isinstance(error, WorkflowInvalidError):
        special = {
            ModelNotFoundError.code: Exit.MODEL,
            InputNotFoundError.code: Exit.FILES,
            PathEscapeError.code: Exit.FILES,
        }
        return common((special.get(fault.code, Exit.INVALID) for fault in error.faults), Exit.INVALID)
    families = {
        InterruptedRunError: Exit.INTERRUPTED,
        NodeError: Exit.FAILED,
        WorkflowError: Exit.INVALID,
        AccuracyError: Exit.ACCURACY,
        ModelError: Exit.MODEL,
        FileError: Exit.FILES,
        InternalError: Exit.INTERNAL,
    }
    return next((code for kind, code in families.items() if isinstance(error, kind)), Exit.USAGE)


def common(codes: Iterable[Exit], otherwise: Exit) -> Exit:
    """Return the one code that all have in common, if there is one."""
    found = set(codes)
    return found.pop() if len(found) == 1 else otherwise
