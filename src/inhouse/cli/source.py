"""Where a workflow comes from: a file, standard input, or a template by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.compat.document import read_workflow
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from inhouse.engine.workflow import Workflow
    from inhouse.workers.session import Session

MAX_BYTES = 256 * 1024**2
"""As much is read from a pipe: the largest picture with a workflow, not an endless stream."""


def load_workflow(session: Session, source: str) -> Workflow:
    """Read a workflow.

    Args:
        session: knows the nodes and the templates.
        source: a path, ``-`` for standard input, or the name of a template.

    Raises:
        WorkflowFormatError: there is nothing of that name, or it is no workflow.

    """
    if source == "-":
        if sys.stdin is None:
            raise WorkflowFormatError("Standard input is closed.", hint="Give a file, or pipe one in.")
        return read_workflow(_read(sys.stdin.buffer, "Standard input"), session.registry)
    found = templates(session.templates)
    if source in found and not Path(source).is_file():
        return read_workflow(found[source], session.registry)
    try:
        path = Path(source)
        if path.is_fifo() or path.is_char_device():
            with path.open("rb") as stream:
                return read_workflow(_read(stream, source), session.registry)
        if source and path.exists():
            return read_workflow(path, session.registry)
    except OSError as error:  # a name that no file can have
        raise WorkflowFormatError(f"Cannot read {source!r}: {error.strerror}.", hint="Check the path.") from error
    raise WorkflowFormatError(
        f"There is no file {source!r}, and no template of that name.", hint=f"Templates are: {', '.join(found)}."
    )


def templates(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the ready-made workflows by name."""
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}


def _read(stream: BinaryIO, name: str) -> bytes:
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise WorkflowFormatError(f"{name} has more than {MAX_BYTES:,} bytes.", hint="No workflow is that large.")
    return data
