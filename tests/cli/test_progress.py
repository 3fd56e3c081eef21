"""Progress on a terminal."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from inhouse import Workflow, WorkflowNode
from inhouse.cli.progress import ProgressBars
from inhouse.cli.voice import Voice
from inhouse.engine.events import Event, NodeBlocked, NodeFailed, NodeFinished, NodeProgress, NodeStarted, RunStarted
from inhouse.errors import NodeExecutionError

WORKFLOW = Workflow({"3": WorkflowNode("KSampler", {}, "[/red] 采样器"), "4": WorkflowNode("VAEDecode")})


def voice(*, terminal: bool, width: int = 100) -> tuple[Voice, io.StringIO]:
    spoken, screen = Voice(as_json=False), io.StringIO()
    spoken.console = Console(file=screen, force_terminal=terminal, width=width, legacy_windows=False)
    return spoken, screen


def draw(events: list[Event], preview: Path, *, terminal: bool = True, width: int = 100) -> str:
    spoken, screen = voice(terminal=terminal, width=width)
    with ProgressBars(spoken, WORKFLOW, preview) as bars:
        for event in events:
            bars(event)
            if terminal:
                bars._progress.refresh()
    return screen.getvalue()


def step(value: float, preview: Any = None) -> NodeProgress:
    return NodeProgress("3", "3", value, 20, None if preview is None else lambda: preview)


def test_a_running_node_is_shown_by_its_title_and_steps(tmp_path: Path) -> None:
    shown = draw([RunStarted("r"), NodeStarted("3", "3"), step(1), step(7)], tmp_path / "p.png")
    assert "[/red] 采样器" in shown
    assert "7/20" in shown


def test_a_node_of_an_expansion_is_shown_by_the_node_that_made_it(tmp_path: Path) -> None:
    assert "VAEDecode" in draw([NodeStarted("4.0.1", "4")], tmp_path / "p.png")


def test_a_narrow_terminal_still_shows_the_steps(tmp_path: Path) -> None:
    shown = draw([NodeStarted("3", "3"), step(7)], tmp_path / "p.png", width=40)
    assert "7/20" in shown


@pytest.mark.parametrize(
    "last", [NodeFinished("3", "3", None, 1.0), NodeFailed("3", "3", NodeExecutionError("x"), caught=False)]
)
def test_a_node_that_is_done_leaves_the_screen(tmp_path: Path, last: Event) -> None:
    spoken, _ = voice(terminal=True)
    with ProgressBars(spoken, WORKFLOW, tmp_path / "p.png") as bars:
        bars(NodeStarted("3", "3"))
        bars(last)
        assert not bars._progress.tasks


def test_the_preview_is_enlarged_and_its_path_told_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "p.png"
    pixels = np.zeros((8, 6, 3), np.uint8)
    shown = draw([NodeStarted("3", "3"), step(1, pixels), step(2, pixels)], path)
    with Image.open(path) as picture:
        assert picture.size == (48, 64)
    assert shown.count("Preview: ") == 1


def test_a_preview_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shown = draw([step(1, np.zeros((8, 8, 3), np.uint8)), step(2)], tmp_path / "file" / "p.png")
    assert "Preview" not in shown
    assert "2/20" in shown


def test_nothing_is_drawn_where_there_is_no_terminal(tmp_path: Path) -> None:
    assert (
        draw([NodeStarted("3", "3"), step(1, np.zeros((8, 8, 3), np.uint8))], tmp_path / "p.png", terminal=False) == ""
    )
    assert not (tmp_path / "p.png").exists()


def test_why_a_node_was_blocked_is_told_everywhere(tmp_path: Path) -> None:
    spoken, screen = voice(terminal=False)
    with ProgressBars(spoken, WORKFLOW, tmp_path / "p.png") as bars:
        bars(NodeBlocked("4", "4", "The list is empty."))
    assert screen.getvalue() == "warning VAEDecode did not run: The list is empty.\n"
    assert spoken.notices.texts == ["VAEDecode did not run: The list is empty."]
