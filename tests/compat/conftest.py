import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from inhouse import Context, Engine, Registry, Result, node
from inhouse.compat.calls_in_progress import Call
from inhouse.compat.custom_nodes import CustomNodes, load_custom_nodes
from inhouse.compat.dynamic_prompt import DynamicPrompt
from inhouse.compat.object_info import spec_from_object_info
from inhouse.compat.prompt import read_prompt
from inhouse.engine.events import Event, NodeStarted
from inhouse.engine.result import RunResult
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under

ENTRIES: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "data" / "object_info.json.gz").read_bytes())
)


@pytest.fixture(scope="session")
def entries() -> dict[str, Any]:
    """Return what a ComfyUI answers for its own nodes."""
    return ENTRIES


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return a registry of all of these nodes, by their descriptions only."""
    return Registry([spec_from_object_info(node_id, entry) for node_id, entry in ENTRIES.items()])


@pytest.fixture(scope="session")
def pair() -> Callable[[str], dict[str, Any]]:
    """Return a reader of pairs: a canvas, and what ComfyUI's frontend made of it."""

    def read(name: str) -> dict[str, Any]:
        text = (Path(__file__).parent / "data" / "canvas" / f"{name}.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    return read


@node("Core", category="ours")
def core(*, v: int = 1) -> int:
    """Double a number."""
    return 2 * v


@dataclass
class Host:
    """Custom packs, loaded, and an engine to run them."""

    nodes: CustomNodes
    registry: Registry
    engine: Engine
    folders: Folders
    events: list[Event] = field(default_factory=list)

    def run(self, prompt: dict[str, Any], **options: Any) -> RunResult:
        """Run a workflow in the API format, and keep its events."""
        self.events.clear()
        return self.engine.run(read_prompt(prompt), emit=self.events.append, **options)

    def shown(self, prompt: dict[str, Any]) -> dict[str, Any]:
        """Run a workflow that must succeed, and return what its output nodes show."""
        result = self.run(prompt)
        assert result.status == "success", result.failures
        return {node_id: dict(ui) for node_id, ui in result.outputs.items()}

    def faults(self, prompt: dict[str, Any]) -> list[tuple[str, str]]:
        """Return code and input of each fault of a workflow."""
        return [(fault.code, fault.input_name) for fault in self.engine.validate(read_prompt(prompt)).faults]

    def started(self) -> list[str]:
        """Return the nodes that ran, in order."""
        return [event.node_id for event in self.events if isinstance(event, NodeStarted)]


@pytest.fixture
def open_packs(tmp_path: Path) -> Iterator[Callable[[str], Host]]:
    """Return a function that loads a folder of packs beside this file."""
    with ExitStack() as stack:

        def load(name: str) -> Host:
            folders = Folders(tmp_path / "input", tmp_path / "output", tmp_path / "temp")
            catalogue = ModelCatalogue(layout_under(tmp_path / "models"))
            registry = Registry()
            registry.add([core], pack="core")
            folder = Path(__file__).parent / name
            nodes = stack.enter_context(load_custom_nodes(folder, registry, folders, catalogue))
            return Host(nodes, registry, stack.enter_context(Engine(registry)), folders)

        yield load


@pytest.fixture
def host(open_packs: Callable[[str], Host]) -> Host:
    """Return the packs that work, loaded."""
    return open_packs("packs")


@pytest.fixture
def call() -> Call:
    """Return a call of a node, as the engine makes it."""
    found: list[Context] = []

    @node("Asks", output_node=True)
    def asks(*, context: Context) -> Result:
        """Keep its context."""
        found.append(context)
        return Result(ui={})

    workflow = read_prompt({"1": {"class_type": "Asks"}})
    with Engine(Registry([asks])) as engine:
        engine.run(workflow)
    return Call(found[0], DynamicPrompt(workflow, {}))
