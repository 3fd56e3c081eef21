"""``inhouse migrate``: from an endpoint elsewhere to a version of one's own, step by step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inhouse.cli.options import AsJson
from inhouse.cli.service_options import Name, StateDir, TokenFile, Url, open_desk, share_of

if TYPE_CHECKING:
    from inhouse.cli.service_desks import Desk
    from inhouse.cli.voice import Voice
    from inhouse.storage.services import Rule

_EXAMPLES = (
    "Example: inhouse migrate embed --from https://api.example.com/v1/embeddings --protocol openai "
    "--token-env CLOUD_TOKEN --to 1 --shadow; inhouse migrate embed --to 1 --canary 5% --rule calls=500; "
    "inhouse migrate embed --watch"
)
_PAUSE_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate", epilog=_EXAMPLES)(migrate)


def migrate(  # noqa: PLR0913 - its options
    name: Name,
    *,
    origin: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="The endpoint that answers now; it becomes live.")
    ] = None,
    to: Annotated[int | None, typer.Option(min=1, metavar="VERSION", help="The version that is to take over.")] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Give it a copy of every call, and compare.")] = False,
    canary: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Give it a share of the calls, such as 5%.")
    ] = None,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="Of the endpoint: inhouse, oip or openai.")] = "inhouse",
    token_env: Annotated[str, typer.Option(metavar="VARIABLE", help="The gateway's variable with its token.")] = "",
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="calls, min_agreement, max_error_rate, max_slowdown; repeatable."),
    ] = None,
    by_hand: Annotated[bool, typer.Option("--by-hand", help="Compare only; promote or take back yourself.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it until it is over.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A page with what was measured.")] = None,
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Mirror or split a service's calls between an endpoint elsewhere and a version here, and decide by what comes.

    Without --shadow or --canary it only shows how a migration stands.
    """
    from inhouse.cli.voice import speaking
    from inhouse.errors import UsageError

    with speaking(as_json=as_json) as voice:
        desk = open_desk(url, token_file, state)
        if shadow or canary is not None:
            if shadow and canary is not None:
                raise UsageError("A version is a shadow or a canary.", hint="Give --shadow or --canary.")
            if to is None:
                raise UsageError("Which version is to take over is not said.", hint="Give --to VERSION.")
            wanted = None if by_hand else rule_of(rule or [])
            share = None if canary is None else share_of(canary)
            if origin is not None:
                _publish(desk, name, origin, protocol, token_env)
            _route(desk, name, to, share, wanted)
        elif origin is not None or to is not None:
            raise UsageError("How to migrate is not said.", hint="Give --shadow or --canary SHARE.")
        told = _shown(voice, desk, name, watch=watch)
        if out is not None:
            from inhouse.cli.migration_page import write_page

            write_page(out, told)


def rule_of(given: list[str]) -> Rule:
    """Return the rule that ``NAME=VALUE`` options make.

    Raises:
        UsageError: one of them is none.

    """
    from dataclasses import replace

    from inhouse.errors import UsageError
    from inhouse.storage.services import Rule

    rule = Rule()
    kinds: dict[str, Any] = {"calls": int, "min_agreement": float, "max_error_rate": float, "max_slowdown": float}
    for item in given:
        name, _, value = item.partition("=")
        try:
            rule = replace(rule, **{name: kinds[name](value)})
        except (KeyError, ValueError):
            raise UsageError(f"{item!r} is no part of a rule.", hint=f"There are {', '.join(kinds)}.") from None
    return rule


def _publish(desk: Desk, name: str, origin: str, protocol: str, token_env: str) -> None:
    """Make the endpoint the live version."""
    from inhouse.cli.service_desks import Order
    from inhouse.storage.publishing import Routing
    from inhouse.storage.services import Version

    version = Version(0, "remote", url=origin, protocol=protocol, secret=token_env, note=f"Elsewhere: {protocol}.")
    desk.publish(Order(name, version, Routing("live")))


def _route(desk: Desk, name: str, to: int, share: float | None, rule: Rule | None) -> None:
    from dataclasses import asdict

    from inhouse.server.services.administration import Change

    told = {} if rule is None else asdict(rule)
    if share is None:
        desk.route(name, Change(shadow=to, canary=0, rule=told))
    else:
        desk.route(name, Change(canary=to, share=share, shadow=0, rule=told))


def _shown(voice: Voice, desk: Desk, name: str, *, watch: bool) -> dict[str, Any]:
    """Show how it stands, again and again if it is watched, and return that."""
    said = ""
    while True:
        told = desk.migration(name)
        line = summary(told)
        if voice.as_json and not watch:
            voice.answer({"status": "success", **told})
        elif line != said and not voice.as_json:
            voice.write(line)
        said = line
        if not watch or told.get("candidate") is None:
            break
        time.sleep(_PAUSE_SECONDS)
    if not voice.as_json:
        for event in told.get("events", [])[-5:]:
            voice.write(f"Version {event['version']} at {event['share']:.3g}: {event['verdict']}. {event['reason']}")
    return told


def summary(told: dict[str, Any]) -> str:
    """Return how a migration stands, in a line."""
    found = told.get("candidate")
    if found is None:
        return f"{told['service']}: version {told['live']} answers all calls."
    parts = [f"{told['service']}: version {found['candidate']} is {found['mode']} beside {found['live']}"]
    if found["mode"] == "canary":
        parts.append(f"{found['share']:.3g} of the calls")
    parts.append(f"{found['calls']} calls, {found['failed']} failed")
    if found["agreement"] is not None:
        parts.append(f"agreement {found['agreement']:.4f}")
    if found["p95"] is not None and found["live_p95"] is not None:
        parts.append(f"p95 {found['p95'] * 1000:.1f} ms against {found['live_p95'] * 1000:.1f} ms")
    return ", ".join(parts) + "."
