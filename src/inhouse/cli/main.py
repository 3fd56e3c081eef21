"""The command ``inhouse``."""

from __future__ import annotations

import typer

from inhouse.cli import catalogue_commands, run_command, workflow_commands

EPILOG = (
    "Exit codes: 0 done; 1 a node failed; 2 wrong usage; 3 the workflow is unreadable or invalid; "
    "4 a model is missing, corrupt or refused; 5 a file cannot be read or written; 130 interrupted."
)


def build_app() -> typer.Typer:
    """Put the command line together."""
    app = typer.Typer(
        name="inhouse",
        help="Run ComfyUI workflows and models on your own machines.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    run_command.register(app)
    workflow_commands.register(app)
    catalogue_commands.register(app)
    return app


def main() -> None:
    """Run the command line of this process."""
    build_app()()
