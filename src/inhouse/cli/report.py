"""The report of a run: what it made, how long it took, what went wrong."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.cli.pictures import escape_sequences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.cli.session import Session
    from inhouse.engine.result import RunResult
    from inhouse.engine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class RunReport:
    """Says what became of a run, to people or to programs."""

    session: Session
    workflow: Workflow
    result: RunResult
    salvaged: Mapping[str, Path] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the whole report as JSON-ready data."""
        outputs = {node_id: self._with_paths(ui) for node_id, ui in self.result.outputs.items()}
        return {
            "status": self.result.status,
            "run_id": self.result.run_id,
            "outputs": outputs,
            "seconds": {node_id: round(seconds, 6) for node_id, seconds in self.result.seconds.items()},
            "cached": list(self.result.cached),
            "salvaged": {node_id: str(path) for node_id, path in self.salvaged.items()},
            "errors": [failure.error.as_dict() for failure in self.result.failures],
        }

    def print_json(self) -> None:
        """Print one JSON object on standard output."""
        sys.stdout.write(json.dumps(self.as_dict(), default=str) + "\n")

    def print_text(self) -> None:
        """Print paths and failures for people; show pictures where the terminal can."""
        from rich.console import Console
        from rich.text import Text

        console = Console(highlight=False)
        for node_id, path in self._files():
            console.print(Text(str(path), style="bold"), Text(f"  {self._name(node_id)}", style="dim"))
            if console.is_terminal and path.suffix == ".png":
                sys.stdout.write(escape_sequences(path.read_bytes(), os.environ))
        for node_id, ui in self.result.outputs.items():
            for text in ui.get("text", ()):
                console.print(Text(f"{self._name(node_id)}: ", style="dim"), Text(str(text)))
        errors = Console(stderr=True)
        for failure in self.result.failures:
            errors.print(Text.assemble(("error ", "bold red"), str(failure.error)))
        for node_id, path in self.salvaged.items():
            console.print(Text(str(path), style="bold"), Text(f"  what {self._name(node_id)} had so far", style="dim"))
        total = sum(self.result.seconds.values())
        console.print(Text(f"{self.result.status} in {total:.1f} s", style="dim"))

    def _with_paths(self, ui: Any) -> dict[str, Any]:
        return {
            name: [{**item, "path": str(self._path(item))} if _is_file(item) else item for item in items]
            if isinstance(items, list | tuple)
            else items
            for name, items in ui.items()
        }

    def _files(self) -> Iterator[tuple[str, Path]]:
        for node_id, ui in self.result.outputs.items():
            for items in ui.values():
                for item in items if isinstance(items, list | tuple) else ():
                    if _is_file(item):
                        yield node_id, self._path(item)

    def _path(self, item: dict[str, str]) -> Path:
        root: Path = getattr(self.session.folders, item.get("type", "output"))
        return root / item.get("subfolder", "") / item["filename"]

    def _name(self, node_id: str) -> str:
        node = self.workflow.nodes.get(node_id)
        return f"{node.title or node.type} ({node_id})" if node else node_id


def _is_file(item: Any) -> bool:
    return isinstance(item, dict) and "filename" in item
