"""``inhouse nodes`` and ``inhouse models``: what there is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inhouse.cli.exits import errors_for_people
from inhouse.cli.options import AsJson, CustomNodesDir, ModelsDir

if TYPE_CHECKING:
    from rich.table import Table

    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("nodes", epilog="Example: inhouse nodes KSampler")(nodes)
    app.command("models", epilog="Example: inhouse models --models /srv/models")(models)


def nodes(
    node_id: Annotated[str | None, typer.Argument(metavar="ID", help="Describe this one.")] = None,
    *,
    models: ModelsDir = Path("models"),
    custom_nodes: CustomNodesDir = None,
    as_json: AsJson = False,
) -> None:
    """List the nodes there are, or describe one."""
    from rich.console import Console

    from inhouse.cli.session import Places, open_session
    from inhouse.compat.object_info import object_info
    from inhouse.errors import RegistryError

    with errors_for_people(as_json=as_json), open_session(Places(models, custom_nodes=custom_nodes)) as session:
        registry = session.registry
        if node_id is not None and node_id not in registry:
            similar = registry.similar(node_id)
            hint = f"Did you mean {' or '.join(similar)}?" if similar else "`inhouse nodes` lists all."
            raise RegistryError(f"There is no node {node_id!r}.", hint=hint)
        chosen = [registry[node_id]] if node_id is not None else sorted(registry, key=lambda s: (s.category, s.id))
        if as_json:
            sys.stdout.write(json.dumps({spec.id: object_info(spec, registry) for spec in chosen}) + "\n")
        else:
            Console().print(_described(chosen[0], registry) if node_id is not None else _listed(chosen))


def models(*, models: ModelsDir = Path("models"), as_json: AsJson = False) -> None:
    """List the model files there are, by kind."""
    from rich.console import Console
    from rich.table import Table

    from inhouse.cli.session import open_catalogue

    with errors_for_people(as_json=as_json):
        catalogue = open_catalogue(models)
        files = {
            kind: {name: catalogue.path(kind, name) for name in catalogue.names(kind)} for kind in catalogue.kinds()
        }
    if as_json:
        listed = {kind: {name: str(path) for name, path in found.items()} for kind, found in files.items()}
        sys.stdout.write(json.dumps(listed) + "\n")
        return
    table = Table("kind", "name", "MB", "path", box=None)
    for kind, found in files.items():
        for name, path in found.items():
            size = path.stat().st_size if path.is_file() else 0
            table.add_row(kind, name, f"{size / 1e6:,.1f}" if size else "", str(path.parent))
    Console().print(table)


def _listed(specs: list[NodeSpec]) -> Table:
    from rich.table import Table

    table = Table("id", "category", "what it does", box=None)
    for spec in specs:
        table.add_row(spec.id, spec.category, spec.description)
    return table


def _described(spec: NodeSpec, registry: Registry) -> Table:
    from rich.table import Table

    from inhouse.engine.sockets import MISSING

    table = Table("", "name", "type", "default", "allowed", title=f"{spec.id}: {spec.description}", box=None)
    for name, declared in spec.inputs.items():
        allowed = f"{declared.range.min:g} to {declared.range.max:g}" if declared.range else ""
        if declared.choices is not None:
            allowed = ", ".join(registry.choices(declared.choices)) or "(none there)"
        default = "" if declared.default is MISSING else repr(declared.default)
        table.add_row("in" if declared.required else "in?", name, str(declared.type), default, allowed)
    for output in spec.outputs:
        table.add_row("out", output.name, str(output.type), "", "list" if output.is_list else "")
    return table
