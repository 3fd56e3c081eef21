"""``inhouse validate``, ``inhouse convert-workflow`` and ``inhouse templates``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from inhouse.cli.exits import as_data, errors_for_people
from inhouse.cli.options import AsJson, CustomNodesDir, InputDir, ModelsDir, WorkflowFile


class Format(StrEnum):
    """The two formats that workflows are written in."""

    API = "api"
    CANVAS = "canvas"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("validate", epilog="Example: inhouse validate workflow.json")(validate)
    app.command("convert-workflow", epilog="Example: inhouse convert-workflow canvas.json --to api -o api.json")(
        convert
    )
    app.command("templates", epilog="Example: inhouse templates text-to-image > my.json")(templates)


def validate(
    file: WorkflowFile,
    *,
    models: ModelsDir = Path("models"),
    input_dir: InputDir = Path("input"),
    custom_nodes: CustomNodesDir = None,
    as_json: AsJson = False,
) -> None:
    """Check a workflow without running it; every fault is listed."""
    from inhouse.cli.session import Places, open_session
    from inhouse.cli.source import load_workflow
    from inhouse.errors import WorkflowInvalidError

    with errors_for_people(as_json=as_json):
        with open_session(Places(models, input_dir, custom_nodes=custom_nodes)) as session:
            workflow = load_workflow(session, file)
            found = session.engine.validate(workflow)
        answer = {
            "status": "error" if found.faults else "success",
            "nodes": len(workflow.nodes),
            "outputs": list(found.targets),
            "errors": [as_data(fault) for fault in found.faults],
        }
        if found.faults and not as_json:
            raise WorkflowInvalidError(found.faults)
    text = f"Valid: {len(workflow.nodes)} nodes, outputs {', '.join(found.targets)}."
    _say(answer, text, as_json=as_json)
    if found.faults:
        from inhouse.cli.exits import Exit

        sys.exit(Exit.INVALID)


def convert(
    file: WorkflowFile,
    *,
    to: Annotated[Format, typer.Option(help="What to write.")] = Format.API,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; default is standard output.")] = None,
    custom_nodes: CustomNodesDir = None,
    as_json: AsJson = False,
) -> None:
    """Convert a workflow between the canvas's format and the API's."""
    from inhouse.cli.session import Places, open_session
    from inhouse.cli.source import load_workflow
    from inhouse.compat.canvas import write_canvas
    from inhouse.compat.prompt import write_prompt
    from inhouse.files import write_atomic

    with errors_for_people(as_json=as_json):
        with open_session(Places(custom_nodes=custom_nodes)) as session:
            workflow = load_workflow(session, file)
            converted = write_prompt(workflow) if to is Format.API else write_canvas(workflow, session.registry)
        text = json.dumps(converted, indent=2, ensure_ascii=False) + "\n"
        if output is None:
            sys.stdout.write(text)
            return
        write_atomic(output, lambda sink: sink.write(text.encode()))
    _say({"status": "success", "path": str(output)}, f"Wrote {output}.", as_json=as_json)


def templates(
    name: Annotated[str | None, typer.Argument(help="Print this one instead of the list.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the workflows that come with the packs, or print one."""
    from inhouse.cli.source import templates as find
    from inhouse.errors import WorkflowFormatError
    from inhouse.plugins import load_packs

    with errors_for_people(as_json=as_json):
        found = find(load_packs().hook.register_templates())
        if name is not None:
            if name not in found:
                raise WorkflowFormatError(f"There is no template {name!r}.", hint=f"There are: {', '.join(found)}.")
            sys.stdout.write(found[name].read_text(encoding="utf-8"))
            return
    listed = {key: str(path) for key, path in found.items()}
    _say({"templates": listed}, "\n".join(found), as_json=as_json)


def _say(answer: dict[str, Any], text: str, *, as_json: bool) -> None:
    sys.stdout.write((json.dumps(answer, default=str) if as_json else text) + "\n")
