"""Where a workflow comes from: a file, standard input, or a template by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.compat.document import read_workflow
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.cli.session import Session
    from inhouse.engine.workflow import Workflow


def load_workflow(session: Session, source: str) -> Workflow:
    """Read a workflow.

    Args:
        session: knows the nodes and the templates.
        source: a path, ``-`` for standard input, or the name of a template.

    Raises:
        WorkflowFormatError: there is nothing of that name, or it is no workflow.

    """
    if source == "-":
        return read_workflow(sys.stdin.buffer.read(), session.registry)
    path = Path(source)
    if path.exists():
        return read_workflow(path, session.registry)
    found = templates(session.templates)
    if source in found:
        return read_workflow(found[source], session.registry)
    raise WorkflowFormatError(
        f"There is no file {source!r}, and no template of that name.", hint=f"Templates are: {', '.join(found)}."
    )


def templates(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the ready-made workflows by name."""
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}
