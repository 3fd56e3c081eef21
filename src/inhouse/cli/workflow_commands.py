"""``inhouse validate``, ``inhouse convert-workflow`` and ``inhouse templates``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inhouse.cli.exits import Exit, exit_code
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
    from inhouse.cli.source import load_workflow
    from inhouse.cli.voice import fault_data, speaking
    from inhouse.errors import WorkflowInvalidError
    from inhouse.workers.session import Places, open_session

    with speaking(as_json=as_json) as voice:
        with open_session(Places(models, input_dir, custom_nodes=custom_nodes)) as session:
            workflow = load_workflow(session, file)
            found = session.engine.validate(workflow)
        if found.faults and not as_json:
            raise WorkflowInvalidError(found.faults)
        if as_json:
            voice.answer(
                {
                    "status": "error" if found.faults else "success",
                    "nodes": len(workflow.nodes),
                    "outputs": list(found.targets),
                    "errors": [fault_data(fault) for fault in found.faults],
                }
            )
        else:
            voice.write(f"Valid: {len(workflow.nodes)} nodes, outputs {', '.join(found.targets)}.")
        code = exit_code(WorkflowInvalidError(found.faults)) if found.faults else Exit.OK
    raise typer.Exit(code)


def convert(
    file: WorkflowFile,
    *,
    to: Annotated[Format, typer.Option(help="What to write.")] = Format.API,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; default is standard output.")
    ] = None,
    custom_nodes: CustomNodesDir = None,
    as_json: AsJson = False,
) -> None:
    """Convert a workflow between the canvas's format and the API's."""
    from inhouse.cli.source import load_workflow
    from inhouse.cli.voice import speaking
    from inhouse.compat.canvas import write_canvas
    from inhouse.compat.prompt import write_prompt
    from inhouse.files import write_atomic
    from inhouse.workers.session import Places, open_session

    with speaking(as_json=as_json) as voice:
        with open_session(Places(custom_nodes=custom_nodes)) as session:
            workflow = load_workflow(session, file)
            converted = write_prompt(workflow) if to is Format.API else write_canvas(workflow, session.registry)
        text = json.dumps(converted, indent=2, ensure_ascii=False)
        if out is None:
            voice.write(text)
            return
        data = (text + "\n").encode("utf-8", "backslashreplace")  # half a surrogate pair becomes JSON's escape for it
        write_atomic(out, lambda sink: sink.write(data))
        voice.answer({"status": "success", "path": str(out)}) if as_json else voice.note(f"Wrote {out}.")


def templates(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Print this one instead of the list.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the workflows that come with the packs, or print one."""
    from inhouse.cli.source import templates as find
    from inhouse.cli.voice import speaking
    from inhouse.errors import WorkflowFormatError
    from inhouse.plugins import load_packs

    with speaking(as_json=as_json) as voice:
        found = find(load_packs().hook.register_templates())
        if name is not None:
            if name not in found:
                raise WorkflowFormatError(f"There is no template {name!r}.", hint=f"There are: {', '.join(found)}.")
            voice.write(found[name].read_text(encoding="utf-8").rstrip("\n"))
        elif as_json:
            voice.answer({"templates": {key: str(path) for key, path in found.items()}})
        else:
            voice.write("\n".join(found))
