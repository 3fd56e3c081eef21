"""Writes the pages of docs/reference from the code; ``--check`` only says whether they are current."""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.testing import CliRunner

from inhouse import errors
from inhouse.cli.main import build_app
from inhouse.engine.sockets import MISSING
from inhouse.plugins import Hooks
from inhouse.workers.session import Places, open_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry
    from inhouse.engine.sockets import InputSpec

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- Written by scripts/docs.py; change the code instead. -->\n\n"


def cli_page() -> str:
    """Return the help of every command."""
    app = build_app()
    runner = CliRunner()
    names = list(typer.main.get_command(app).commands)  # type: ignore[attr-defined] # a group has commands
    plain = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "TERMINAL_WIDTH": "100"}
    parts = ["# The command line\n"]
    for arguments in [[], *([name] for name in names)]:
        text = runner.invoke(app, [*arguments, "--help"], env=plain, prog_name="inhouse").output
        lines = "\n".join(line.rstrip() for line in text.splitlines()).strip()
        parts.append(f"## inhouse {' '.join(arguments)}".rstrip() + f"\n\n```text\n{lines}\n```\n")
    return NOTE + "\n".join(parts)


def nodes_page() -> str:
    """Return the sockets of every node that comes with Inhouse, by category."""
    with tempfile.TemporaryDirectory() as empty:
        places = Places(Path(empty), Path(empty), Path(empty))
        with open_session(places) as session:
            specs = sorted(session.registry, key=lambda spec: (spec.category, spec.id))
            parts = [f"# Nodes\n\n{len(specs)} nodes come with Inhouse.\n"]
            category = None
            for spec in specs:
                if spec.category != category:
                    category = spec.category
                    parts.append(f"## {category or 'others'}\n")
                parts.append(node_section(spec, session.registry))
    return NOTE + "\n".join(parts)


def node_section(spec: NodeSpec, registry: Registry) -> str:
    """Return what the reference says of one node."""
    lines = [f"### {spec.id}", "", spec.description, ""]
    if spec.inputs:
        lines += ["| input | type | default | allowed |", "| --- | --- | --- | --- |"]
        rows = [input_row(declared, registry) for declared in spec.inputs.values()]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    if spec.outputs:
        outputs = ", ".join(f"`{o.name}` ({'list of ' if o.is_list else ''}{o.type})" for o in spec.outputs)
        lines += [f"Gives {outputs}.", ""]
    return "\n".join(lines)


def input_row(declared: InputSpec, registry: Registry) -> tuple[str, str, str, str]:
    """Return one line of a node's table."""
    allowed = f"{declared.range.min:g} to {declared.range.max:g}" if declared.range else ""
    if declared.choices is not None:
        source = declared.choices.source
        files = isinstance(source, str) and "/" in source
        allowed = f"a file ({source})" if files else ", ".join(registry.choices(declared.choices))
    default = "" if declared.default is MISSING or declared.default is None else f"`{declared.default!r}`"
    name = f"`{declared.name}`" + ("" if declared.required else " (optional)")
    return name, str(declared.type).replace("|", "\\|"), default.replace("|", "\\|"), allowed.replace("|", "\\|")


def hooks_page() -> str:
    """Return every hook with its sentence."""
    parts = ["# Hooks\n\nA pack is a module with functions of these names, each decorated with `@hookimpl`.\n"]
    for name, function in inspect.getmembers(Hooks, inspect.isfunction):
        parts.append(f"## {name}\n\n{inspect.getdoc(function)}\n")
    return NOTE + "\n".join(parts)


def errors_page() -> str:
    """Return the codes of all errors."""
    lines = ["# Errors", "", "| code | class | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{kind.code}` | {kind.__name__} | {(kind.__doc__ or '').splitlines()[0]} |" for kind in tree()]
    return NOTE + "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return every setting by section."""
    from inhouse.settings import Settings

    order = (
        "From the environment (`INHOUSE_SERVER__PORT`), else from `inhouse.toml` in the working directory (`[server]`,"
        " `port = 8188`), else as below. Options of `inhouse up` go before both."
    )
    parts = [f"# Settings\n\n{order}\n"]
    for section, declared in Settings.model_fields.items():
        model = declared.default.__class__
        parts.append(f"## {section}\n\n{inspect.getdoc(model)}\n")
        lines = ["| setting | environment | default | meaning |", "| --- | --- | --- | --- |"]
        for name, field in model.model_fields.items():
            default = "" if field.default in (None, (), "") else f"`{field.default}`"
            variable = f"`INHOUSE_{section.upper()}__{name.upper()}`"
            lines.append(f"| `{name}` | {variable} | {default} | {field.description} |")
        parts.append("\n".join(lines) + "\n")
    return NOTE + "\n".join(parts)


def tree() -> Iterator[type[errors.InhouseError]]:
    """Return every class of the error tree."""
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.InhouseError)]
    yield from sorted(found, key=lambda kind: ([step.__name__ for step in reversed(kind.__mro__)], kind.code))


def main(*, check: bool) -> int:
    """Write the pages, or return 1 if one is not current."""
    pages = {
        "cli.md": cli_page,
        "nodes.md": nodes_page,
        "hooks.md": hooks_page,
        "errors.md": errors_page,
        "settings.md": settings_page,
    }
    REFERENCE.mkdir(parents=True, exist_ok=True)
    stale = 0
    for name, write in pages.items():
        text, path = write(), REFERENCE / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            print(f"docs/reference/{name} is not current; run: python scripts/docs.py")
            stale = 1
        elif not check:
            path.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    sys.exit(main(check="--check" in sys.argv))
