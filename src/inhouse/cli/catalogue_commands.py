"""``inhouse nodes`` and ``inhouse models``: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inhouse.cli.options import AsJson, CustomNodesDir, ModelsDir

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    from inhouse.cli.voice import speaking
    from inhouse.compat.object_info import object_info
    from inhouse.errors import RegistryError
    from inhouse.workers.session import Places, open_session

    with speaking(as_json=as_json) as voice, open_session(Places(models, custom_nodes=custom_nodes)) as session:
        registry = session.registry
        if node_id is not None and node_id not in registry:
            similar = registry.similar(node_id)
            hint = f"Did you mean {' or '.join(similar)}?" if similar else "`inhouse nodes` lists all."
            raise RegistryError(f"There is no node {node_id!r}.", hint=hint)
        chosen = [registry[node_id]] if node_id is not None else sorted(registry, key=lambda s: (s.category, s.id))
        if as_json:
            voice.answer({spec.id: object_info(spec, registry) for spec in chosen})
        elif node_id is None:
            rows = [(spec.id, spec.category, spec.description) for spec in chosen]
            voice.table("", ("id", "category", "what it does"), rows)
        else:
            title = f"{node_id}: {chosen[0].description}"
            voice.table(title, ("", "name", "type", "default", "allowed"), list(_sockets(chosen[0], registry)))


def models(*, models: ModelsDir = Path("models"), as_json: AsJson = False) -> None:
    """List the model files there are, by kind."""
    from inhouse.cli.voice import speaking
    from inhouse.workers.session import open_catalogue

    with speaking(as_json=as_json) as voice:
        catalogue = open_catalogue(models)
        files = {
            kind: {name: catalogue.path(kind, name) for name in catalogue.names(kind)} for kind in catalogue.kinds()
        }
        if as_json:
            voice.answer({kind: {name: str(path) for name, path in found.items()} for kind, found in files.items()})
            return
        rows = [(kind, name, _size(path), str(path)) for kind, found in files.items() for name, path in found.items()]
        voice.table("", ("kind", "name", "MB", "path"), rows)
        if not rows:
            voice.note(f"There are no models in {models}. Name another folder with --models.")


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f}" if path.is_file() else ""


def _sockets(spec: NodeSpec, registry: Registry) -> Iterator[tuple[str, ...]]:
    from inhouse.engine.sockets import MISSING

    for name, declared in spec.inputs.items():
        allowed = f"{_number(declared.range.min)} to {_number(declared.range.max)}" if declared.range else ""
        if declared.choices is not None:
            allowed = ", ".join(registry.choices(declared.choices)) or "(none there)"
        default = "" if declared.default is MISSING or declared.default is None else repr(declared.default)
        yield "in" if declared.required else "in?", name, str(declared.type), default, allowed
    for output in spec.outputs:
        yield "out", output.name, str(output.type), "", "list" if output.is_list else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
