"""``inhouse token``: who may use a gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inhouse.cli.options import AsJson

_DEFAULT = Path("tokens.toml")


def register(app: typer.Typer) -> None:
    """Add the command."""
    tokens = typer.Typer(help="Say who may use a gateway.", no_args_is_help=True)
    tokens.callback()(lambda: None)  # without one, the only command would take the group's place
    tokens.command("new", epilog="Example: inhouse token new ann --admin")(new)
    app.add_typer(tokens, name="token")


def new(
    user: Annotated[str, typer.Argument(metavar="NAME", help="Whose runs and files go by it.")],
    *,
    admin: Annotated[bool, typer.Option("--admin", help="They may see and cancel what is others'.")] = False,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Where hashes of tokens are; else server.tokens, else {_DEFAULT}."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an access token, print it once, and keep its hash."""
    from inhouse.cli.configured import configured
    from inhouse.cli.voice import speaking
    from inhouse.server.token_file import new_token

    with speaking(as_json=as_json) as voice:
        path = file or configured().server.tokens or _DEFAULT
        token = new_token(path, user, admin=admin)
        if as_json:
            voice.answer({"status": "success", "user": user, "admin": admin, "token": token, "path": str(path)})
            return
        voice.write(token)
        voice.note(f"This is shown once. Its hash is in {path}; a gateway with server.tokens = {str(path)!r} knows it.")
