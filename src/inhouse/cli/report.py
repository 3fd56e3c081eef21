"""The report of a run: what it made, how long it took, what went wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.cli.pictures import escape_sequences
from inhouse.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inhouse.backends.profile import Profile
    from inhouse.cli.voice import Voice
    from inhouse.engine.result import RunResult
    from inhouse.engine.workflow import Workflow
    from inhouse.errors import InhouseError
    from inhouse.files import Folders

_DONE = {"success": "Done", "error": "Failed", "interrupted": "Interrupted"}


@dataclass(frozen=True, slots=True)
class RunReport:
    """Says what became of a run, to people or to programs.

    Attributes:
        folders: where results lie.
        workflow: what ran.
        result: what became of it.
        salvaged: files with what interrupted nodes had, by node id.
        seconds: how long it took.
        profile: where its time and memory went, if that was asked for.

    """

    folders: Folders
    workflow: Workflow
    result: RunResult
    salvaged: Mapping[str, Path] = field(default_factory=dict)
    seconds: float = 0.0
    profile: Profile | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the whole report as JSON-ready data."""
        outputs = {node_id: self._with_paths(ui) for node_id, ui in self.result.outputs.items()}
        return {
            "status": self.result.status,
            "run_id": self.result.run_id,
            "outputs": outputs,
            "seconds": round(self.seconds, 6),
            "seconds_by_node": {node_id: round(seconds, 6) for node_id, seconds in self.result.seconds.items()},
            "cached": list(self.result.cached),
            "salvaged": {node_id: str(path) for node_id, path in self.salvaged.items()},
            "errors": [failure.error.as_dict() for failure in self.result.failures],
            **({"profile": self.profile.as_dict()} if self.profile is not None else {}),
        }

    def print_to(self, voice: Voice) -> None:
        """Print one JSON object, or a line for each file and text; pictures themselves where the terminal can."""
        if voice.as_json:
            voice.fail(*(failure.error for failure in self.result.failures), silent=True)
            voice.answer(self.as_dict())
            return
        for _, path in self._files():
            voice.write(str(path))
            if voice.on_terminal and path.suffix == ".png" and path.is_file():
                voice.write(escape_sequences(path.read_bytes(), os.environ))
        for text in self._texts():
            voice.write(text)
        for failure in self.result.failures:
            if not isinstance(failure.error, InterruptedRunError):
                voice.fail(failure.error, where=self._where(failure.error))
        for node_id, path in self.salvaged.items():
            voice.note(f"What {self._name(node_id)} had so far, for LoadLatent to go on from: {path}")
        voice.note(f"{_DONE[self.result.status]} after {self.seconds:.1f} s.")

    def _with_paths(self, ui: Mapping[str, Any]) -> dict[str, Any]:
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

    def _texts(self) -> Iterator[str]:
        """Yield what nodes show as text; with the node's name before it where there are several."""
        shown = []
        for node_id, ui in self.result.outputs.items():
            texts = ui.get("text", ())
            shown += [(node_id, str(text)) for text in (texts if isinstance(texts, list | tuple) else (texts,))]
        for node_id, text in shown:
            yield f"{self._name(node_id)}: {text}" if len(shown) > 1 else text

    def _path(self, item: Mapping[str, str]) -> Path:
        kind = item.get("type")
        root: Path = getattr(self.folders, kind if kind in ("input", "temp") else "output")
        return root / str(item.get("subfolder", "")) / str(item["filename"])

    def _where(self, error: InhouseError) -> str:
        """Return the node and the input at fault, where the message does not begin with the node."""
        if error.node_id is None or error.message.startswith("Node "):
            return ""
        return self._name(error.node_id) + (f", input {error.input_name}: " if error.input_name else ": ")

    def _name(self, node_id: str) -> str:
        node = self.workflow.nodes.get(node_id)
        return f"{node.title or node.type} ({node_id})" if node else node_id


def _is_file(item: Any) -> bool:
    return isinstance(item, Mapping) and "filename" in item
