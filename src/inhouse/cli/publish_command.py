"""``inhouse publish``: a model, a workflow or an endpoint elsewhere becomes a service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inhouse.cli.options import AsJson, CustomNodesDir, ModelsDir
from inhouse.cli.service_options import StateDir, TokenFile, Url, open_desk, share_of

if TYPE_CHECKING:
    from inhouse.cli.service_desks import Desk, Order
    from inhouse.cli.voice import Voice
    from inhouse.storage.publishing import Routing
    from inhouse.storage.services import Version

_EXAMPLES = (
    "Example: inhouse publish embed --model minilm-int8/ --replicas 2; "
    "inhouse publish embed --model minilm-bf16/ --canary 5%; "
    "inhouse publish draw --workflow flow.json --expose 6.text=prompt --output 9"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish", epilog=_EXAMPLES)(publish)


def publish(  # noqa: PLR0913 - its options
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the service is called.")],
    *,
    model: Annotated[
        Path | None, typer.Option(metavar="ARTIFACT", help="A folder that `inhouse convert` made.")
    ] = None,
    workflow: Annotated[str | None, typer.Option(metavar="FILE", help="A workflow's file, or a template.")] = None,
    remote: Annotated[str | None, typer.Option(metavar="URL", help="An endpoint elsewhere.")] = None,
    expose: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE.INPUT[=NAME]", help="An input of the workflow that callers may set; repeatable."),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE[=NAME]", help="A node whose output they get; repeatable. Else all that save."),
    ] = None,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="Of the endpoint: inhouse, oip or openai.")] = "inhouse",
    secret: Annotated[str, typer.Option(metavar="VARIABLE", help="The gateway's variable with its token.")] = "",
    replicas: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Processes of a model.")] = 1,
    max_delay: Annotated[
        float, typer.Option(min=0, max=60_000, metavar="MS", help="How long the first row of a batch waits for others.")
    ] = 2.0,
    max_batch: Annotated[int, typer.Option(min=0, metavar="N", help="Rows of a batch; 0 for the artifact's own.")] = 0,
    max_waiting: Annotated[int, typer.Option(min=1, metavar="N", help="Rows that may wait.")] = 1024,
    deadline: Annotated[
        float, typer.Option(min=0, metavar="MS", help="How long a call waits that does not say; 0 for ever.")
    ] = 30_000,
    canary: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Give it only a share of the calls, such as 5%.")
    ] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Give it a copy of every call, and compare.")] = False,
    idle: Annotated[bool, typer.Option("--idle", help="Give it no calls but those that ask for it by number.")] = False,
    note: Annotated[str, typer.Option(metavar="TEXT", help="What is new, for whoever looks at it later.")] = "",
    models: ModelsDir = Path("models"),
    custom_nodes: CustomNodesDir = None,
    url: Url = None,
    token_file: TokenFile = None,
    state: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Publish a version of a service: it answers as soon as it is loaded, and the one before until then."""
    from inhouse.cli.voice import speaking
    from inhouse.storage.services import Version

    with speaking(as_json=as_json) as voice:
        source = _source(model, workflow, remote)
        version = Version(
            0,
            source,  # type: ignore[arg-type] # one of the three words
            note=note,
            replicas=replicas,
            max_delay_ms=max_delay,
            max_batch=max_batch,
            max_waiting=max_waiting,
            deadline_ms=deadline,
            url=remote or "",
            protocol=protocol,
            secret=secret,
        )
        routing = _routing(canary, shadow=shadow, idle=idle)
        desk = open_desk(url, token_file, state)
        order = _order(name, version, routing, model, workflow, expose or [], output or [], models, custom_nodes)
        _tell(voice, desk, order, desk.publish(order))


def _source(model: Path | None, workflow: str | None, remote: str | None) -> str:
    from inhouse.errors import UsageError

    given = [word for word, value in (("artifact", model), ("workflow", workflow), ("remote", remote)) if value]
    if len(given) != 1:
        raise UsageError("Publish one thing.", hint="Give --model ARTIFACT, --workflow FILE or --remote URL.")
    return given[0]


def _routing(canary: str | None, *, shadow: bool, idle: bool) -> Routing:
    from inhouse.errors import UsageError
    from inhouse.storage.publishing import Routing

    if (canary is not None) + shadow + idle > 1:
        raise UsageError("A version is one of canary, shadow and idle.", hint="Leave out all but one.")
    if canary is not None:
        return Routing("canary", share_of(canary))
    return Routing("shadow" if shadow else "idle" if idle else "live")


def _order(
    name: str,
    version: Version,
    routing: Routing,
    model: Path | None,
    workflow: str | None,
    expose: list[str],
    output: list[str],
    models: Path,
    custom_nodes: Path | None,
) -> Order:
    from dataclasses import replace

    from inhouse.cli.service_desks import Order

    if workflow is None:
        return Order(name, version, routing, artifact=model)
    from inhouse.cli.source import load_workflow
    from inhouse.compat.prompt import write_prompt
    from inhouse.compat.service_fields import fields_of_workflow
    from inhouse.workers.session import Places, open_session

    with open_session(Places(models=models, custom_nodes=custom_nodes), detect=False) as session:
        read = load_workflow(session, workflow)
        found = fields_of_workflow(read, session.registry, expose, output)
        version = replace(version, fields_in=found.fields_in, fields_out=found.fields_out, bindings=found.bindings)
        return Order(name, version, routing, None, write_prompt(read), found, expose, output)


def _tell(voice: Voice, desk: Desk, order: Order, done: dict[str, Any]) -> None:
    from inhouse.cli.service_desks import StoreDesk

    stored = isinstance(desk, StoreDesk)
    if voice.as_json:
        voice.answer({"status": "success", "where": desk.where, "running": not stored, **done})
        return
    number = done["number"]
    role = next((word for word in ("live", "canary", "shadow") if done[word] == number), "idle")
    share = f" for {done['share']:.3g} of the calls" if role == "canary" else ""
    voice.write(f"{order.name} version {number} is {role}{share}.")
    for note in done["notes"]:
        voice.note(f"Callers of the version before: {note}")
    if stored:
        voice.note(f"No gateway runs: it is kept in {desk.where}, and served when one starts (inhouse up).")
    else:
        voice.note(f"Call it: curl {desk.where}/services/{order.name} -d '{{\"inputs\": {{...}}}}'")
