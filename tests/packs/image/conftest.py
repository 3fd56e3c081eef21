"""A small engine with the image pack, and folders of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inhouse import Engine, Link, Workflow, WorkflowNode
from inhouse.engine.registry import ChoiceSource
from inhouse.engine.result import RunResult
from inhouse.files import PICTURES, Folders
from inhouse.plugins import build_registry, load_packs

Run = Callable[..., RunResult]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path / "input", tmp_path / "output", tmp_path / "temp")
    made.input.mkdir()
    return made


@pytest.fixture
def run(folders: Folders) -> Iterator[Run]:
    """Run ``{id: (type, inputs)}``; a tuple among the inputs is a link."""
    sources = {"input": ChoiceSource(lambda _: folders.inputs(PICTURES))}
    registry = build_registry(load_packs(("inhouse.packs.image",), installed=False), sources)
    with Engine(registry, services={Folders: folders}) as engine:

        def run_nodes(nodes: dict[str, tuple[str, dict[str, Any]]], **source: Any) -> RunResult:
            made = {
                node_id: WorkflowNode(kind, {n: Link(*v) if isinstance(v, tuple) else v for n, v in inputs.items()})
                for node_id, (kind, inputs) in nodes.items()
            }
            return engine.run(Workflow(made, source))

        yield run_nodes
