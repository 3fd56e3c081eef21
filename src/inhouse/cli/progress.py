"""Progress of a run, drawn on a terminal."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from inhouse.engine.events import NodeFailed, NodeFinished, NodeProgress, NodeStarted
from inhouse.errors import OutputError
from inhouse.files import write_atomic

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID

    from inhouse.engine.events import Event
    from inhouse.engine.workflow import Workflow


class ProgressBars:
    """Draws one bar a running node: step, speed, time left, and where its preview lies.

    Args:
        console: where to draw; nothing is drawn unless it is a terminal.
        workflow: for the nodes' names.
        preview: the file that previews are written to.

    """

    def __init__(self, console: Console, workflow: Workflow, preview: Path) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._workflow = workflow
        self._preview = preview
        self._lock = threading.Lock()
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[preview]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Draw an event."""
        if self._progress.disable:
            return
        with self._lock:
            if isinstance(event, NodeStarted):
                self._bar(event.node_id, event.display_id)
            elif isinstance(event, NodeProgress):
                self._advance(event)
            elif isinstance(event, NodeFinished | NodeFailed) and event.node_id in self._bars:
                self._progress.remove_task(self._bars.pop(event.node_id))

    def _bar(self, node_id: str, display_id: str) -> TaskID:
        if node_id not in self._bars:
            node = self._workflow.nodes.get(display_id)
            name = (node.title or node.type) if node else display_id
            self._bars[node_id] = self._progress.add_task(name, total=None, speed="", preview="")
        return self._bars[node_id]

    def _advance(self, event: NodeProgress) -> None:
        bar = self._bar(event.node_id, event.display_id)
        speed = next((task.speed for task in self._progress.tasks if task.id == bar), None)
        shown = f"{speed:.1f} steps/s" if speed else ""
        preview = self._save(event.preview) if event.preview is not None else None
        self._progress.update(bar, completed=event.value, total=event.total, speed=shown)
        if preview:
            self._progress.update(bar, preview=f"preview {preview}")

    def _save(self, pixels: Any) -> Path | None:
        from PIL import Image

        image = Image.fromarray(pixels)
        image = image.resize((image.width * 8, image.height * 8), Image.Resampling.BICUBIC)
        data = io.BytesIO()
        image.save(data, "PNG", compress_level=1)
        try:
            write_atomic(self._preview, lambda file: file.write(data.getvalue()))
        except OutputError:  # a preview that cannot be kept is no reason to stop the run
            return None
        return self._preview
