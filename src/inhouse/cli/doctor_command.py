"""``inhouse doctor``: what this machine can do, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inhouse.backends.attention import AttentionName
from inhouse.cli.exits import Exit
from inhouse.cli.options import AsJson

if TYPE_CHECKING:
    from inhouse.backends.compute import Compute
    from inhouse.cli.doctor.check import Check


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the settings say about this machine.

    Attributes:
        models, input, output, state: folders.
        host: address of a gateway; so is ``port``.
        device: what models are to compute on; so are ``precision`` and ``attention``.

    """

    models: Path = Path("models")
    input: Path = Path("input")
    output: Path = Path("output")
    state: Path = Path("state")
    host: str = "127.0.0.1"
    port: int = 8188
    device: str = "auto"
    precision: str = "auto"
    attention: AttentionName = "auto"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog="Example: inhouse doctor --models /data/models --json")(doctor)


def doctor(
    *,
    models: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with checkpoints/, loras/, ...")] = None,
    input_dir: Annotated[Path | None, typer.Option("--input", metavar="DIR", help="What LoadImage reads.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "--out", metavar="DIR", help="What SaveImage writes.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port that a gateway would listen on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what this machine can do, what it will use, and what is in the way.

    Ends with 0 if all that is needed is there, warnings or not, else with 6.
    """
    from inhouse.cli.doctor.check import State, worst
    from inhouse.cli.voice import speaking

    with speaking(as_json=as_json) as voice:
        given: dict[str, Any] = {"models": models, "input": input_dir, "output": output, "port": port}
        wishes = replace(_configured(), **{name: value for name, value in given.items() if value is not None})
        checks = list(examine(wishes))
        state = worst(checks)
        if as_json:
            voice.answer({"status": state, "checks": [asdict(check) for check in checks]})
        else:
            rows = [(check.state, check.subject, check.found, check.advice) for check in checks]
            voice.table("", ("", "what", "found", "what to do"), rows)
    raise typer.Exit(Exit.UNFIT if state is State.FAIL else Exit.OK)


def examine(wishes: Wishes) -> Iterator[Check]:
    """Yield every check, one after another."""
    from inhouse.cli.doctor import machine, places, runtimes
    from inhouse.workers.session import open_catalogue, temporary_folder

    with_torch = find_spec("torch") is not None
    yield from machine.python()
    yield from machine.hardware(with_torch=with_torch)
    if with_torch:
        compute = _compute(wishes)
        yield machine.precision(compute)
        yield from runtimes.attention(compute)
        yield from runtimes.engines(compute)
    yield from runtimes.extras()
    yield from places.models(open_catalogue(wishes.models), wishes.models)
    written = {"input": wishes.input, "output": wishes.output, "state": wishes.state, "temporary": temporary_folder()}
    yield from places.folders(written)
    yield places.disk(wishes.output)
    yield places.port(wishes.host, wishes.port)


def _compute(wishes: Wishes) -> Compute:
    from inhouse.backends.compute import Compute

    return replace(Compute.detect(wishes.device, wishes.precision), attention=wishes.attention)


def _configured() -> Wishes:
    """Return what the settings say, or what they would where the server's packages are not there to read them."""
    if find_spec("pydantic_settings") is None:
        return Wishes()
    from inhouse.cli.configured import configured

    settings = configured()
    folders, server, compute = settings.folders, settings.server, settings.compute
    return Wishes(
        folders.models,
        folders.input,
        folders.output,
        folders.state,
        server.host,
        server.port,
        compute.device,
        compute.precision,
        compute.attention,
    )
