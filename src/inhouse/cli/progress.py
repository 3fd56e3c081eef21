"""Progress of a run, drawn on a terminal."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from inhouse.engine.events import NodeBlocked, NodeFailed, NodeFinished, NodeProgress, NodeStarted
from inhouse.errors import OutputError
from inhouse.files import write_atomic

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import TaskID

    from inhouse.cli.voice import Voice
    from inhouse.engine.events import Event
    from inhouse.engine.workflow import Workflow

_ENLARGED = 8
"""A preview has a pixel for each of a latent, an eighth of the picture."""


class ProgressBars:
    """Draws one bar a running node: step, speed, time left; says once where the preview lies.

    Args:
        voice: its console is drawn on, if that is a terminal.
        workflow: for the nodes' names.
        preview: the file that previews are written to.

    """

    def __init__(self, voice: Voice, workflow: Workflow, preview: Path) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self._voice = voice
        self._workflow = workflow
        self._preview = preview
        self._previewed = False
        self._lock = threading.Lock()
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(overflow="ellipsis", no_wrap=True)),
            BarColumn(20),
            TextColumn("{task.fields[steps]}", markup=False, table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[speed]}", markup=False, table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True),
            console=voice.console,
            transient=True,
            disable=not voice.console.is_terminal,
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
        with self._lock:
            if isinstance(event, NodeBlocked):
                self._voice.notices.add(f"{self._name(event.display_id)} did not run: {event.message}")
            elif self._progress.disable:
                return
            elif isinstance(event, NodeStarted):
                self._bar(event.node_id, event.display_id)
            elif isinstance(event, NodeProgress):
                self._advance(event)
            elif isinstance(event, NodeFinished | NodeFailed) and event.node_id in self._bars:
                self._progress.remove_task(self._bars.pop(event.node_id))

    def _name(self, display_id: str) -> str:
        node = self._workflow.nodes.get(display_id)
        return (node.title or node.type) if node else display_id

    def _bar(self, node_id: str, display_id: str) -> TaskID:
        if node_id not in self._bars:
            self._bars[node_id] = self._progress.add_task(self._name(display_id), total=None, steps="", speed="")
        return self._bars[node_id]

    def _advance(self, event: NodeProgress) -> None:
        bar = self._bar(event.node_id, event.display_id)
        speed = next((task.speed for task in self._progress.tasks if task.id == bar), None)
        shown = "" if not speed else f"{speed:.1f} steps/s" if speed >= 1 else f"{1 / speed:.1f} s/step"
        steps = f"{event.value:g}/{event.total:g}"
        self._progress.update(bar, completed=event.value, total=event.total, steps=steps, speed=shown)
        if callable(event.preview) and self._save(event.preview()) and not self._previewed:
            self._previewed = True
            self._voice.note(f"Preview: {self._preview}")

    def _save(self, pixels: Any) -> bool:
        from PIL import Image

        image = Image.fromarray(pixels)
        image = image.resize((image.width * _ENLARGED, image.height * _ENLARGED), Image.Resampling.BICUBIC)
        data = io.BytesIO()
        image.save(data, "PNG", compress_level=1)
        try:
            write_atomic(self._preview, lambda file: file.write(data.getvalue()))
        except OutputError:  # a preview that cannot be kept is no reason to stop the run
            return False
        return True
