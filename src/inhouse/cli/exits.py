"""Exit codes: stable, so that scripts may rely on them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import IntEnum
from typing import Any, NoReturn

from inhouse.errors import (
    Fault,
    FileError,
    InhouseError,
    InterruptedRunError,
    ModelError,
    NodeError,
    WorkflowError,
    WorkflowInvalidError,
)


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
    INTERRUPTED = 130
    """Somebody stopped it; what was done is saved."""


def exit_code(error: InhouseError) -> Exit:
    """Return the exit code that an error ends the process with."""
    families = {
        InterruptedRunError: Exit.INTERRUPTED,
        NodeError: Exit.FAILED,
        WorkflowError: Exit.INVALID,
        ModelError: Exit.MODEL,
        FileError: Exit.FILES,
    }
    return next((code for kind, code in families.items() if isinstance(error, kind)), Exit.USAGE)


@contextmanager
def errors_for_people(*, as_json: bool) -> Iterator[None]:
    """Turn our errors into a message and an exit code; with ``as_json`` the message is one JSON object."""
    try:
        yield
    except InhouseError as error:
        report(error, as_json=as_json)


def report(error: InhouseError, *, as_json: bool) -> NoReturn:
    """Print an error for people (on stderr) or for programs (on stdout), and exit."""
    faults = error.faults if isinstance(error, WorkflowInvalidError) else ()
    if as_json:
        import json

        listed = [as_data(fault) for fault in faults] or [error.as_dict()]
        print(json.dumps({"status": "error", "errors": listed}, default=str))  # noqa: T201 - the command's answer
    else:
        from rich.console import Console
        from rich.text import Text

        console = Console(stderr=True)
        for line in [str(fault) for fault in faults] or [str(error)]:
            console.print(Text.assemble(("error ", "bold red"), line))
    sys.exit(exit_code(error))


def as_data(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON-ready data, without empty fields."""
    return {name: value for name, value in asdict(fault).items() if value}
