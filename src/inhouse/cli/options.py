"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelsDir = Annotated[
    Path,
    typer.Option(
        "--models", metavar="DIR", envvar="INHOUSE_MODELS", help="Folder with checkpoints/, loras/, vae/, ..."
    ),
]
InputDir = Annotated[
    Path, typer.Option("--input", metavar="DIR", envvar="INHOUSE_INPUT", help="Folder that LoadImage reads from.")
]
OutputDir = Annotated[
    Path, typer.Option("--out", metavar="DIR", envvar="INHOUSE_OUTPUT", help="Folder that SaveImage writes to.")
]
CustomNodesDir = Annotated[
    Path | None,
    typer.Option(
        "--custom-nodes",
        metavar="DIR",
        envvar="INHOUSE_CUSTOM_NODES",
        help="Folder of ComfyUI node packs to load; they run as code.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
WorkflowFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="Workflow: API or canvas JSON, a PNG or WebP that carries one, the name of a template, or - for stdin.",
    ),
]
