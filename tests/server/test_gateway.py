from pathlib import Path
from typing import Annotated

from tests.gateway import Gateway, eventually
from tests.server.fakes import go

from inhouse import Choices, Registry, node
from inhouse.server.gateway import light_nodes, open_gateway
from inhouse.settings import FolderSettings, Settings, WorkerSettings

PLAIN = {
    "1": {"class_type": "PrimitiveInt", "inputs": {"value": 1}},
    "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
}


@node("Plain")
def plain(*, value: int = 1) -> int:
    """Return it."""
    return value


@node("Listed")
def listed(*, name: Annotated[str, Choices("models/loras")]) -> str:
    """Return it."""
    return name


def test_nodes_that_list_files_are_not_checked_on_the_event_loop() -> None:
    assert light_nodes(Registry([plain, listed])) == {"Plain"}


def test_runs_are_accepted_before_any_worker_is_ready_and_run_as_soon_as_one_is(tmp_path: Path) -> None:
    with Gateway(tmp_path, workers_ready=False) as gateway:
        run_id = gateway.submit(PLAIN)
        assert gateway.over(run_id) == "completed"


PACK = """
class Twice:
    @classmethod
    def INPUT_TYPES(s): return {"required": {}}
    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "x"
    def run(self): return ()
NODE_CLASS_MAPPINGS = {"Twice": Twice}
"""


def _packs(folder: Path, **packs: str) -> Path:
    for name, text in packs.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(text)
    return folder


def test_a_pack_that_cannot_be_loaded_is_named_and_all_else_is_served(tmp_path: Path) -> None:
    packs = _packs(tmp_path / "packs", broken="import no_such_module_anywhere\n", good=PACK)
    with Gateway(tmp_path, "--custom-nodes", packs) as gateway:
        assert gateway.over(gateway.submit(PLAIN)) == "completed"
        assert "Twice" in gateway.ask("GET", "/object_info").json
        said = gateway.log() + "".join(path.read_text() for path in (tmp_path / "state" / "logs").iterdir())
        assert "no_such_module_anywhere" in said


def test_packs_that_collide_are_both_named(tmp_path: Path) -> None:
    packs = _packs(tmp_path / "packs", first=PACK, second=PACK)
    with Gateway(tmp_path, "--custom-nodes", packs, workers_ready=False) as gateway:
        eventually(lambda: "first" in gateway.log() and "second" in gateway.log())
        assert "Twice" in gateway.log()
        assert gateway.ask("GET", "/readyz").status == 503


def test_who_watches_is_told_that_no_worker_is_there(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("models", "input", "output", "state")}
    settings = Settings(folders=FolderSettings(**folders), workers=WorkerSettings(count=0))

    async def scene() -> None:
        gateway = open_gateway(settings)
        assert await gateway.worker_problem()
        assert await gateway.storage_problem() == ""
        assert list(await gateway.devices()) == []
        await gateway.ledger.close()

    go(scene())
