"""``inhouse up``: serve workflows, the canvas and ComfyUI's API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inhouse.cli.options import AsJson, CustomNodesDir

if TYPE_CHECKING:
    from inhouse.cli.voice import Voice
    from inhouse.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up", epilog="Example: inhouse up --port 8188 --workers 1 --models models")(up)


def up(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; anything but loopback needs --tokens.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, metavar="N", help="Worker processes.")] = None,
    models: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with checkpoints/, loras/, ...")] = None,
    input_dir: Annotated[Path | None, typer.Option("--input", metavar="DIR", help="What LoadImage reads.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "--out", metavar="DIR", help="What SaveImage writes.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The queue, settings and workflows of users.")
    ] = None,
    custom_nodes: CustomNodesDir = None,
    tokens: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Access tokens and whose they are; see: inhouse token.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="postgresql://... for PostgreSQL instead of SQLite.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve workflows: ComfyUI's API and canvas, with a queue that survives."""
    from inhouse.cli.configured import configured
    from inhouse.cli.voice import speaking

    given: dict[str, dict[str, Any]] = {
        "server": {"host": host, "port": port, "tokens": tokens},
        "workers": {"count": workers},
        "folders": {
            "models": models,
            "input": input_dir,
            "output": output,
            "state": state,
            "custom_nodes": custom_nodes,
        },
        "storage": {"url": storage},
    }
    with speaking(as_json=as_json) as voice:
        _serve(voice, configured(given))


def _serve(voice: Voice, settings: Settings) -> None:
    from inhouse.cli.server_log import server_log
    from inhouse.server.serving import serve

    def ready(url: str) -> None:
        if voice.as_json:
            voice.answer({"url": url})
        else:
            voice.write(f"Inhouse is up: {url}")
            voice.note("Stop with Ctrl-C; what waits is kept, and goes on when you start again.")

    with server_log(voice.notices):
        serve(settings, ready)
