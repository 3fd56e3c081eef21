"""Nodes that publish."""

from pathlib import Path
from typing import Annotated

from inhouse import Choices, Context, Output, Range, Result, Widget, node
from inhouse.errors import NodeInputError
from inhouse.files import Folders, inside
from inhouse.storage.publishing import Publisher, Routing
from inhouse.storage.services import Version


@node(
    "PublishService",
    category="publishing",
    display_name="Publish Service",
    output_node=True,
    cacheable=False,
    flags={"admins_only": True},
)
def publish_service(
    *,
    artifact: Annotated[str, Widget({"tooltip": "A converted model, below the output folder."})],
    name: str = "service",
    role: Annotated[str, Choices(("live", "canary", "shadow", "idle"))] = "live",
    share: Annotated[float, Range(0.01, 1.0, step=0.01)] = 0.05,
    replicas: Annotated[int, Range(1, 256)] = 1,
    max_delay_ms: Annotated[float, Range(0.0, 60_000.0)] = 2.0,
    note: str = "",
    context: Context,
) -> Annotated[str, Output("service")]:
    """Publish a converted model as the next version of a service; the gateway loads it and gives it its calls."""
    publisher = context.find(Publisher)
    if publisher is None:
        raise NodeInputError("Nothing is published from here.", hint="Use a gateway's canvas, or inhouse publish.")
    place = inside(context.service(Folders).output, str(Path(artifact)))
    version = Version(0, "artifact", note=note, replicas=replicas, max_delay_ms=max_delay_ms)
    done = publisher.publish(name, place, version, Routing(role, share))  # type: ignore[arg-type] # one of the choices
    told = (f"{name} version {done.number}: {done.service.roles.get(done.number, 'idle')}", *done.notes)
    return Result((f"{name}/{done.number}",), ui={"text": told})  # type: ignore[return-value] # and what a canvas shows


NODES = (publish_service,)
