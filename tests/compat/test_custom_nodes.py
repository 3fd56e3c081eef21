"""Loading packs: what is found, what is left out and why, and that nothing is left behind."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inhouse import Registry
from inhouse.compat.custom_nodes import CustomNodes
from inhouse.errors import FileError, RegistryError
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue

HOST_MODULES = ("comfy", "comfy_api", "comfy_execution", "custom_nodes", "folder_paths", "nodes", "server")
DATA = Path(__file__).parents[1] / "data"
PACK = """
class Node:
    INPUT_TYPES = classmethod(lambda cls: {"required": {}})
    RETURN_TYPES = ()
    FUNCTION = "go"
    def go(self):
        return ()
NODE_CLASS_MAPPINGS = {"Same": Node}
"""


def load(folder: Path, registry: Registry | None = None) -> CustomNodes:
    folders = Folders(folder / "input", folder / "output", folder / "temp")
    return CustomNodes(folder, registry if registry is not None else Registry(), folders, ModelCatalogue({}))


def present() -> list[str]:
    return sorted(name for name in sys.modules if name.partition(".")[0] in HOST_MODULES)


def test_files_and_packages_are_packs(host: Any) -> None:
    names = {pack.name: pack for pack in host.nodes.packs}
    assert {"numbers_pack", "lists_pack", "modern_pack"} <= names.keys()
    assert [spec.id for spec in names["lists_pack"].nodes] == ["T.MakeList", "T.Gather", "T.Pair"]
    assert host.registry["T.Say"].pack == "modern_pack"
    assert host.nodes.problems == []
    web = names["lists_pack"].web
    assert web is not None
    assert [path.name for path in web.iterdir()] == ["lists.js"]
    assert names["numbers_pack"].web is None


def test_what_cannot_be_loaded_is_named_with_its_reason_and_harms_nothing_else(
    open_packs: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        host = open_packs("broken_packs")
    told = {str(problem) for problem in host.nodes.problems}
    for words in (
        ("'needs_missing'", "No module named 'a_package_that_nobody_has'", "Install 'a_package_that_nobody_has'"),
        ("'exits'", "this pack gives up"),
        ("'no_nodes'", "neither NODE_CLASS_MAPPINGS nor comfy_entrypoint"),
        ("'half'", "'B.Bad'", "the disk is gone"),
        ("'half'", "'B.Worse'", "no method that FUNCTION names"),
    ):
        assert any(all(word in text for word in words) for text in told), words
    assert len(told) == 5
    assert {record.getMessage() for record in caplog.records} == told
    assert host.shown({"1": {"class_type": "B.Good", "inputs": {}}}) == {"1": {"n": [1]}}


def test_nothing_is_left_behind_when_closed(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(PACK + "import sys\nsys.path.insert(0, '/somewhere')\n", encoding="utf-8")
    before, path = present(), sys.path[:]
    with load(tmp_path) as nodes:
        assert "comfy.utils" in present()
        assert "custom_nodes.one" in present()
        assert [pack.name for pack in nodes.packs] == ["one"]
    assert present() == before
    assert sys.path == path


def test_a_module_of_the_same_name_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = type(sys)("server")
    monkeypatch.setitem(sys.modules, "server", mine)
    with load(tmp_path):
        assert sys.modules["server"] is not mine
    assert sys.modules["server"] is mine


@pytest.mark.parametrize("taken", ["by another pack", "by a node of ours"])
def test_an_id_claimed_twice_is_an_error_that_names_both(tmp_path: Path, taken: str, host: Any) -> None:
    host.nodes.close()
    before = present()
    registry = Registry()
    (tmp_path / "one.py").write_text(PACK, encoding="utf-8")
    first = "one"
    if taken == "by another pack":
        (tmp_path / "two.py").write_text(PACK, encoding="utf-8")
    else:
        (tmp_path / "one.py").write_text(PACK.replace("Same", "Core"), encoding="utf-8")
        registry, first = host.registry, "core"
    with pytest.raises(RegistryError, match=rf"by pack '{first}' and by '\w+'"):
        load(tmp_path, registry)
    assert present() == before


def test_one_process_holds_one_set_of_custom_packs(host: Any, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="loaded in this process already"):
        load(tmp_path)
    assert host.shown({"1": {"class_type": "T.Typed", "inputs": {"v": 1}}})


def test_packs_load_inside_a_running_event_loop(open_packs: Callable[[str], Any]) -> None:
    import asyncio

    async def load_now() -> Any:
        return open_packs("packs")

    assert "T.Say" in asyncio.run(load_now()).registry


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nowhere: No such file"):
        load(tmp_path / "nowhere")


def test_a_pack_that_prints_does_not_disturb_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.py").write_text(PACK + "print('Welcome!')\n", encoding="utf-8")
    with load(tmp_path):
        printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Welcome!\n")


def test_a_folder_with_dots_in_its_name_is_a_pack(tmp_path: Path) -> None:
    folder = tmp_path / "Pack-v1.2"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .inner import NODE_CLASS_MAPPINGS\n", encoding="utf-8")
    (folder / "inner.py").write_text(PACK, encoding="utf-8")
    registry = Registry()
    with load(tmp_path, registry) as nodes:
        assert [pack.name for pack in nodes.packs] == ["Pack-v1.2"]
        assert registry["Same"].flags["python_module"] == "custom_nodes.Pack-v1_2"


def test_a_pack_may_import_another_of_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "base_pack.py").write_text(PACK, encoding="utf-8")
    (tmp_path / "more_pack.py").write_text(
        "from custom_nodes.base_pack import Node\nNODE_CLASS_MAPPINGS = {'More': Node}\n", encoding="utf-8"
    )
    registry = Registry()
    with load(tmp_path, registry):
        assert "More" in registry


def test_packs_of_third_parties_that_collide_are_both_named() -> None:
    with pytest.raises(RegistryError, match="'Mark' is declared by pack 'first_marks' and by 'second_marks'"):
        load(DATA / "colliding_nodes")


def test_a_pack_says_where_its_scripts_lie_in_its_project_file(tmp_path: Path) -> None:
    pack = tmp_path / "one"
    (pack / "scripts").mkdir(parents=True)
    (pack / "__init__.py").write_text(PACK, encoding="utf-8")
    (pack / "pyproject.toml").write_text('[tool.comfy]\nweb = "scripts"\n', encoding="utf-8")
    with load(tmp_path) as nodes:
        assert nodes.packs[0].web == pack / "scripts"


def test_folders_that_a_pack_lists_are_watched(tmp_path: Path) -> None:
    toys = f"import folder_paths\nfolder_paths.add_model_folder_path('toys', {str(tmp_path / 'toys')!r})\n"
    (tmp_path / "one.py").write_text(toys + PACK, encoding="utf-8")
    with load(tmp_path) as nodes:
        assert nodes.packs[0].watches == (tmp_path / "toys",)


def test_importing_the_loader_installs_nothing() -> None:
    assert not any(name in sys.modules for name in ("comfy", "folder_paths", "comfy_api"))
