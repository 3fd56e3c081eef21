"""What ``inhouse publish``, ``inhouse services`` and ``inhouse migrate`` have in common: which desk they go to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inhouse.errors import FileError, UsageError

if TYPE_CHECKING:
    from inhouse.cli.service_desks import Desk

TOKEN = "INHOUSE_TOKEN"  # noqa: S105 - the variable's name
"""The environment variable that says who asks."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="The service.")]
Number = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The version.")]
Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The gateway; without it http://127.0.0.1:8188 if one answers, else the store."),
]
TokenFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help=f"A file with an admin's token; else the variable {TOKEN}.")
]
StateDir = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="The state folder of a gateway that does not run.")
]


def open_desk(url: str | None, token_file: Path | None, state: Path | None) -> Desk:
    """Return where services are published: at the gateway if one answers, else in the store.

    Args:
        url: of a gateway, which has to answer; without one, where the settings have it.
        token_file: a file with a token.
        state: a state folder; the settings have one.

    Raises:
        UsageError: a gateway was named and does not answer, or contradictory things were.
        FileError: the token cannot be read.

    """
    from inhouse.cli.configured import configured
    from inhouse.cli.gateway_client import GatewayClient
    from inhouse.cli.service_desks import GatewayDesk, StoreDesk
    from inhouse.models.signing import Trust
    from inhouse.storage.service_store import ServiceStore

    if url is not None and state is not None:
        raise UsageError("A gateway is asked with --url, a store is written with --state.", hint="Give one of them.")
    settings = configured({"folders": {"state": state}})
    if state is None:
        client = GatewayClient(url or f"http://127.0.0.1:{settings.server.port}", _token(token_file))
        if client.answers():
            return GatewayDesk(client)
        if url is not None:
            raise UsageError(f"No gateway answers at {url}.", hint="Start one with `inhouse up`, or leave out --url.")
    trust = Trust.of(settings.services.trusted_keys, own=settings.services.signing_key)
    return StoreDesk(ServiceStore(settings.folders.state / "services"), trust)


def share_of(text: str) -> float:
    """Return a share such as ``5%`` or ``0.05``.

    Raises:
        UsageError: it is none.

    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise UsageError(f"{text!r} is no share of the calls.", hint="Give one above 0 such as 5% or 0.05.")
    return share


def _token(file: Path | None) -> str:
    if file is None:
        return os.environ.get(TOKEN, "")
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise FileError(f"The token in {file} cannot be read.", hint="Check --token-file.") from error
