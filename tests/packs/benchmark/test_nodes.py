from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.packs.benchmark.conftest import Clock, Scripted

from inhouse import Engine, Link, Registry, Workflow, WorkflowNode
from inhouse.engine.sockets import MISSING
from inhouse.files import Folders
from inhouse.packs.benchmark import register_nodes
from inhouse.packs.benchmark.rounds import Bench

NODES = {spec.id: spec for spec in register_nodes()}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "input", tmp_path / "output", tmp_path / "temp")
    for folder in (found.input, found.output, found.temp):
        folder.mkdir()
    return found


def placed(node_id: str, **inputs: Any) -> WorkflowNode:
    """Return a node with its widgets as a canvas fills them in."""
    widgets = {name: one.default for name, one in NODES[node_id].inputs.items() if one.default is not MISSING}
    return WorkflowNode(node_id, {**widgets, **inputs})


def run(folders: Folders, **nodes: WorkflowNode) -> Any:
    registry = Registry()
    registry.add(NODES.values())
    with Engine(registry, services={Folders: folders}) as engine:
        return engine.run(Workflow(nodes))


def test_a_model_is_measured_and_its_report_shown(linear: Path, folders: Folders) -> None:
    shutil.copy(linear, folders.output / "linear.onnx")
    inputs: dict[str, Any] = {
        "artifact": "linear.onnx",
        "runtimes": "onnxruntime",
        "threads": "1",
        "batch_sizes": "2",
        "seconds": 0.2,
    }
    measured = placed("BenchModel", **inputs)
    saved = placed("BenchReport", report=Link("m", 0), format="json")
    result = run(folders, m=measured, s=saved)
    assert result.failures == ()
    shown = result.outputs["s"]
    data = json.loads((folders.output / shown["text"][0]).read_bytes())
    assert data["variants"][0]["name"] == "linear onnxruntime 1t"
    assert data["cells"][0]["summary"]["latency"]["p50"]["value"] > 0
    assert str(folders.output) not in json.dumps(data)
    assert (folders.temp / shown["images"][0]["filename"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("place", ["/etc/passwd", "../secret.onnx"])
def test_nothing_outside_the_folders_is_reached(folders: Folders, place: str) -> None:
    measured = placed("BenchModel", artifact=place)
    saved = placed("BenchReport", report=Link("m", 0))
    result = run(folders, m=measured, s=saved)
    assert [failure.error.code for failure in result.failures] == ["path_escape"]


def test_reports_are_compared(bench: Callable[..., Bench], clock: Clock) -> None:
    slow = bench(Scripted("a", clock, lambda n: 0.2 + 0.001 * (n % 3))).run()
    fast = bench(Scripted("a", clock, lambda n: 0.1 + 0.001 * (n % 3))).run()
    text, slower = NODES["CompareReports"](before=fast, after=slow, allowed_percent=5.0).values
    assert "a is 0.50x as fast as a" in text
    assert slower is True
    assert NODES["CompareReports"](before=slow, after=fast, allowed_percent=5.0).values[1] is False
