"""The command ``inhouse``."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn, TextIO

import typer
from typer.exceptions import TyperException

from inhouse.cli import (
    bench_command,
    catalogue_commands,
    convert_command,
    doctor_command,
    migrate_command,
    publish_command,
    run_command,
    services_command,
    token_command,
    up_command,
    workflow_commands,
)
from inhouse.cli.exits import Exit

EPILOG = (
    "Exit codes: 0 done; 1 a node failed; 2 wrong usage; 3 the workflow is unreadable or invalid; "
    "4 a model is missing, corrupt or refused; 5 a file cannot be read or written; "
    "6 doctor found what will not work; 7 bench found something slower than allowed; "
    "8 a converted model answers differently; "
    "70 a fault of Inhouse itself; 130 interrupted."
)


def build_app() -> typer.Typer:
    """Put the command line together."""
    app = typer.Typer(
        name="inhouse",
        help="Run ComfyUI workflows and models on your own machines.",
        epilog=EPILOG,
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(start)
    run_command.register(app)
    workflow_commands.register(app)
    catalogue_commands.register(app)
    up_command.register(app)
    token_command.register(app)
    doctor_command.register(app)
    convert_command.register(app)
    bench_command.register(app)
    publish_command.register(app)
    services_command.register(app)
    migrate_command.register(app)
    return app


def start(
    context: typer.Context, *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Run ComfyUI workflows and models on your own machines."""
    if version:
        from inhouse import __version__

        typer.echo(f"inhouse {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> NoReturn:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        _say_all(stream)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code = build_app()(arguments, prog_name="inhouse", standalone_mode=False)
    except TyperException as error:
        return _refuse(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return code if isinstance(code, int) else Exit.OK


def _refuse(error: TyperException, *, as_json: bool) -> int:
    from inhouse.cli.voice import Voice
    from inhouse.errors import UsageError

    context: typer.Context | None = getattr(error, "ctx", None)
    hint = f"See: {context.command_path if context else 'inhouse'} --help"
    return Voice(as_json=as_json).end(UsageError(f"{error.format_message().rstrip('.')}.", hint=hint))


def _say_all(stream: TextIO | None) -> None:
    """Let a stream show what its encoding cannot as escapes, instead of failing."""
    if stream is not None and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
