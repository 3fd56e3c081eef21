"""``inhouse services``: what is published, and who gets which calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inhouse.cli.options import AsJson
from inhouse.cli.service_options import Name, Number, StateDir, TokenFile, Url, open_desk, share_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from inhouse.cli.service_desks import Desk


def register(app: typer.Typer) -> None:
    """Add the commands."""
    services = typer.Typer(help="See what is published, and say who gets which calls.", no_args_is_help=True)
    services.command("list", epilog="Example: inhouse services list")(list_services)
    services.command("show", epilog="Example: inhouse services show embed")(show)
    services.command("switch", epilog="Example: inhouse services switch embed 3")(switch)
    services.command("canary", epilog="Example: inhouse services canary embed 3 --share 5%; ... embed 0 for none")(
        canary
    )
    services.command("shadow", epilog="Example: inhouse services shadow embed 3; ... embed 0 for none")(shadow)
    services.command("rollback", epilog="Example: inhouse services rollback embed")(rollback)
    services.command("load", epilog="Example: inhouse services load embed 3")(load)
    services.command("unload", epilog="Example: inhouse services unload embed 3")(unload)
    services.command("remove", epilog="Example: inhouse services remove embed 2")(remove)
    app.add_typer(services, name="services")


VersionOrNone = Annotated[int, typer.Argument(metavar="VERSION", min=0, help="The version; 0 for none.")]


def list_services(
    *, url: Url = None, token_file: TokenFile = None, state: StateDir = None, as_json: AsJson = False
) -> None:
    """List the services."""
    from inhouse.cli.voice import speaking

    with speaking(as_json=as_json) as voice:
        desk = open_desk(url, token_file, state)
        found = desk.services()
        if as_json:
            voice.answer({"status": "success", "where": desk.where, "services": found})
            return
        columns = ("NAME", "LIVE", "CANARY", "SHADOW", "VERSIONS")
        voice.table("", columns, [_row(item) for item in found])
        if not found:
            voice.note(f"Nothing is published at {desk.where}.")


def show(
    name: Name, *, url: Url = None, token_file: TokenFile = None, state: StateDir = None, as_json: AsJson = False
) -> None:
    """Show a service's versions."""
    from inhouse.cli.voice import speaking

    with speaking(as_json=as_json) as voice:
        found = open_desk(url, token_file, state).show(name)
        if as_json:
            voice.answer({"status": "success", **found})
            return
        rows = [_version(found, item) for item in found["versions"]]
        voice.table(name, ("VERSION", "ROLE", "SOURCE", "PUBLISHED", "STATE", "CALLS", "FAILED", "MB", "NOTE"), rows)
        for problem in (item.get("problem") for item in found["versions"]):
            if problem:
                voice.note(problem)


def switch(
    name: Name,
    version: Number,
    *,
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a version answer all calls; it is loaded before, and the one before ends its calls."""
    from inhouse.server.services.administration import Change

    _route(url, token_file, state, name, as_json, lambda desk: desk.route(name, Change(live=version)))


def canary(
    name: Name,
    version: VersionOrNone,
    *,
    share: Annotated[str, typer.Option(metavar="SHARE", help="Of the calls, such as 5%.")] = "5%",
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a version answer a share of the calls."""
    from inhouse.server.services.administration import Change

    def change(desk: Desk) -> dict[str, Any]:
        return desk.route(name, Change(canary=version, share=share_of(share) if version else None))

    _route(url, token_file, state, name, as_json, change)


def shadow(
    name: Name,
    version: VersionOrNone,
    *,
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a version get a copy of every call; its answers are compared, and callers never see them."""
    from inhouse.server.services.administration import Change

    _route(url, token_file, state, name, as_json, lambda desk: desk.route(name, Change(shadow=version)))


def rollback(
    name: Name, *, url: Url = None, token_file: TokenFile = None, state: StateDir = None, as_json: AsJson = False
) -> None:
    """Take a canary and a shadow away; or else let the version before answer again."""
    _route(url, token_file, state, name, as_json, lambda desk: desk.rollback(name))


def load(
    name: Name,
    version: Number,
    *,
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Load a version before anybody calls it."""
    _do(url, token_file, state, as_json, lambda desk: desk.load(name, version), f"{name} version {version} is ready.")


def unload(
    name: Name,
    version: Number,
    *,
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Unload a version when its calls have ended; the next call loads it again."""
    said = f"{name} version {version} is unloaded."
    _do(url, token_file, state, as_json, lambda desk: desk.load(name, version, unload=True), said)


def remove(
    name: Name,
    version: Annotated[int | None, typer.Argument(metavar="[VERSION]", min=1, help="The version.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Remove the service with all its versions.")] = False,
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove a version that gets no calls, or the whole service."""
    said = f"{name} is removed." if version is None else f"{name} version {version} is removed."

    def take(desk: Desk) -> dict[str, Any]:
        from inhouse.errors import UsageError

        if (version is None) != everything:
            raise UsageError("Say which version is to be removed, or --all.", hint="See: inhouse services show NAME.")
        return desk.remove(name, version)

    _do(url, token_file, state, as_json, take, said)


def _route(
    url: Url,
    token_file: TokenFile,
    state: StateDir,
    name: str,
    as_json: bool,  # noqa: FBT001
    change: Callable[[Desk], dict[str, Any]],
) -> None:
    from inhouse.cli.voice import speaking

    with speaking(as_json=as_json) as voice:
        desk = open_desk(url, token_file, state)
        done = change(desk)
        if as_json:
            voice.answer({"status": "success", "where": desk.where, **done})
            return
        voice.write(f"{name}: {routing_text(done)}.")


def _do(
    url: Url,
    token_file: TokenFile,
    state: StateDir,
    as_json: bool,  # noqa: FBT001
    work: Callable[[Desk], dict[str, Any]],
    said: str,
) -> None:
    from inhouse.cli.voice import speaking

    with speaking(as_json=as_json) as voice:
        done = work(open_desk(url, token_file, state))
        if as_json:
            voice.answer({"status": "success", **done})
            return
        voice.write(said)


def routing_text(routing: dict[str, Any]) -> str:
    """Return where calls go, in words."""
    parts = [f"version {routing['live']} is live" if routing.get("live") else "no version is live"]
    if routing.get("canary"):
        parts.append(f"{routing['canary']} gets {routing['share']:.3g} of the calls")
    if routing.get("shadow"):
        parts.append(f"{routing['shadow']} gets a copy of each")
    return ", ".join(parts)


def _row(item: dict[str, Any]) -> tuple[str, ...]:
    canary = f"{item['canary']} ({item['share']:.3g})" if item.get("canary") else "-"
    versions = ", ".join(map(str, item["versions"]))
    return item["name"], str(item.get("live") or "-"), canary, str(item.get("shadow") or "-"), versions


def _version(found: dict[str, Any], item: dict[str, Any]) -> tuple[str, ...]:
    number = item["number"]
    role = next((word for word in ("live", "canary", "shadow", "previous") if found.get(word) == number), "-")
    published = datetime.fromtimestamp(item["created"], UTC).strftime("%Y-%m-%d %H:%M")
    counted = (str(item.get(key, "-")) for key in ("state", "calls", "failed"))
    size = f"{item['bytes'] / 1e6:.0f}" if item.get("bytes") else "-"
    return str(number), role, item["source"], published, *counted, size, item.get("note", "")
