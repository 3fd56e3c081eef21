"""Where what a node names lies: in the artifact that is served, or in one that was loaded on a canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.errors import InputNotFoundError, ModelNotFoundError
from inhouse.files import Folders, inside
from inhouse.models.artifact import Artifact, open_artifact

if TYPE_CHECKING:
    from pathlib import Path

    from inhouse.engine.context import Context


def served(artifact: Artifact | None, context: Context) -> Artifact:
    """Return the artifact that is linked, or else the one that is being served.

    Raises:
        ModelNotFoundError: there is neither.

    """
    found = artifact or context.find(Artifact)
    if found is None:
        raise ModelNotFoundError(
            "No model is being served here.", hint="On a canvas, link LoadArtifact to it.", node_id=context.node_id
        )
    return found


def asset(artifact: Artifact | None, file: str, context: Context) -> Path:
    """Return the path of a file that belongs to an artifact.

    Raises:
        InputNotFoundError: the artifact has none of that name.
        PathEscapeError: the name leads out of the artifact.

    """
    found = served(artifact, context)
    path = inside(found.folder, file)
    if not path.is_file():
        raise InputNotFoundError(f"{found.name} has no {file}.", hint="Convert the model again, and give it one.")
    return path


def artifact_at(name: str, context: Context) -> Artifact:
    """Return the artifact in a folder below the output or the input folder.

    Raises:
        ModelNotFoundError: there is none.
        PathEscapeError: the name leads out of both.

    """
    folders = context.service(Folders)
    folder = folders.path(name, "output")
    return open_artifact(folder if folder.is_dir() else folders.path(name, "input"))
