"""Packs: how they are found, and what is said of those that are broken."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from inhouse import NodeSpec, hookimpl, node
from inhouse.engine.markers import Choices
from inhouse.engine.registry import ChoiceSource
from inhouse.errors import RegistryError
from inhouse.plugins import ENTRY_POINTS, build_registry, load_packs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@node("demo.One")
def one() -> int:
    return 1


@node("demo.Two")
def two() -> int:
    return 2


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that makes a module with hook implementations importable."""

    def make(name: str, **hooks: Callable[..., Any]) -> str:
        module = ModuleType(name)
        for hook, function in hooks.items():
            setattr(module, hook, hookimpl(function))
        monkeypatch.setitem(sys.modules, name, module)
        return name

    return make


def offer(*specs: NodeSpec) -> Callable[[], list[NodeSpec]]:
    return lambda: list(specs)


def test_nodes_come_from_all_packs_and_carry_their_name(pack: Callable[..., str]) -> None:
    names = [pack("packs.a", register_nodes=offer(one)), pack("packs.b", register_nodes=offer(two))]
    registry = build_registry(load_packs(names, installed=False))
    assert [(spec.id, spec.pack) for spec in registry] == [("demo.One", "a"), ("demo.Two", "b")]


def test_two_packs_with_one_node_id_are_both_named(pack: Callable[..., str]) -> None:
    names = [pack("packs.a", register_nodes=offer(one)), pack("packs.b", register_nodes=offer(two, one))]
    with pytest.raises(RegistryError, match=r"'demo.One' is declared by pack 'a' and by 'b'. Rename one"):
        build_registry(load_packs(names, installed=False))


def test_one_pack_that_declares_an_id_twice(pack: Callable[..., str]) -> None:
    name = pack("packs.a", register_nodes=offer(one, one))
    with pytest.raises(RegistryError, match="declared by pack 'a' and by 'a'"):
        build_registry(load_packs([name], installed=False))


def test_sources_of_choices_are_offered_and_two_of_one_name_are_refused(pack: Callable[..., str]) -> None:
    def choices() -> dict[str, ChoiceSource]:
        return {"colours": ChoiceSource(lambda rest: ["red", rest])}

    names = [pack("packs.a", register_choices=choices), pack("packs.b", register_choices=choices)]
    registry = build_registry(load_packs(names[:1], installed=False))
    assert registry.choices(Choices("colours/blue")) == ("red", "blue")
    with pytest.raises(RegistryError, match="'colours' is declared by pack 'a' and by 'b'"):
        build_registry(load_packs(names, installed=False))


def test_a_pack_that_is_not_there() -> None:
    with pytest.raises(
        RegistryError, match=r"Pack 'no\.such\.pack' cannot be loaded: No module named 'no'.*Uninstall it"
    ):
        load_packs(["no.such.pack"], installed=False)


def test_a_pack_that_breaks_while_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_pack.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RegistryError, match="Pack 'broken_pack' cannot be loaded: ZeroDivisionError"):
        load_packs(["broken_pack"], installed=False)


def test_a_hook_with_parameters_that_there_are_not(pack: Callable[..., str]) -> None:
    name = pack("packs.a", register_nodes=lambda registry: registry)
    with pytest.raises(RegistryError, match="registry"):
        load_packs([name], installed=False)


def test_a_hook_that_nobody_knows(pack: Callable[..., str]) -> None:
    name = pack("packs.a", register_knobs=offer())
    with pytest.raises(RegistryError, match="register_knobs"):
        load_packs([name], installed=False)


def test_a_hook_that_fails_or_returns_something_else(pack: Callable[..., str]) -> None:
    def broken() -> list[NodeSpec]:
        raise KeyError("x")

    for hook, said in ((broken, "KeyError"), (lambda: [one, print], "is no node; declare it with @node")):
        manager = load_packs([pack("packs.a", register_nodes=hook)], installed=False)
        with pytest.raises(RegistryError, match=f"Pack 'a' cannot be loaded: .*{said}"):
            build_registry(manager)


def test_two_packs_of_one_name(pack: Callable[..., str]) -> None:
    names = [pack("packs.a", register_nodes=offer(one)), pack("others.a", register_nodes=offer(two))]
    with pytest.raises(RegistryError, match=r"Pack 'others.a' cannot be loaded"):
        load_packs(names, installed=False)


class TestInstalledPacks:
    @pytest.fixture
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        def install(*points: EntryPoint) -> None:
            monkeypatch.setattr(
                "importlib.metadata.entry_points", lambda group: EntryPoints(points).select(group=group)
            )

        return install

    def test_they_are_loaded_unless_asked_not_to(
        self, pack: Callable[..., str], installed: Callable[..., None]
    ) -> None:
        pack("third_party", register_nodes=offer(one))
        installed(EntryPoint("watermark", "third_party", ENTRY_POINTS), EntryPoint("x", "nothing", "other.group"))
        assert [spec.pack for spec in build_registry(load_packs([]))] == ["watermark"]
        assert len(build_registry(load_packs([], installed=False))) == 0

    @pytest.mark.parametrize("value", ["gone", "third_party:gone"])
    def test_a_broken_one_is_named(self, pack: Callable[..., str], installed: Callable[..., None], value: str) -> None:
        pack("third_party")
        installed(EntryPoint("watermark", value, ENTRY_POINTS))
        with pytest.raises(RegistryError, match="Pack 'watermark' cannot be loaded"):
            load_packs([])
