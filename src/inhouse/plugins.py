"""Hooks: all that a pack can add, and how packs are found. Our own enter by the same door as a third party's."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import pluggy

from inhouse.engine.node import NodeSpec
from inhouse.engine.registry import Registry
from inhouse.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from inhouse.engine.registry import ChoiceSource

    ComfyValue = tuple[Callable[[object], object], Callable[[object], object]]

T = TypeVar("T")

hookspec = pluggy.HookspecMarker("inhouse")
hookimpl = pluggy.HookimplMarker("inhouse")

ENTRY_POINTS = "inhouse.packs"
"""The entry-point group in which an installed package offers a pack: a module with hook implementations."""

DEFAULT_PACKS = (
    "inhouse.packs.flow",
    "inhouse.packs.image",
    "inhouse.packs.text",
    "inhouse.packs.diffusion",
    "inhouse.packs.inference",
    "inhouse.packs.conversion",
    "inhouse.packs.benchmark",
    "inhouse.packs.publishing",
)
"""Our own packs; removing one is deleting a word."""


class Hooks:
    """Every hook there is."""

    @hookspec
    def register_nodes(self) -> Iterable[NodeSpec]:  # type: ignore[empty-body] # a specification has no body
        """Return the nodes of the pack."""

    @hookspec
    def register_choices(self) -> Mapping[str, ChoiceSource]:  # type: ignore[empty-body] # as above
        """Return sources of choices by name, for inputs annotated ``Choices("name")``."""

    @hookspec
    def register_comfy_members(self) -> Mapping[str, Mapping[str, object]]:  # type: ignore[empty-body] # as above
        """Return what custom ComfyUI packs find in modules of ComfyUI's: ``{"comfy.sample": {"sample": ...}}``."""

    @hookspec
    def register_comfy_values(self) -> Mapping[str, ComfyValue]:  # type: ignore[empty-body] # as above
        """Return, by wire type, how a value looks to custom ComfyUI packs, and how one of theirs becomes ours."""

    @hookspec
    def register_templates(self) -> Path:  # type: ignore[empty-body] # as above
        """Return the folder in which the pack's ready-made workflows lie."""


def load_packs(names: Iterable[str] = DEFAULT_PACKS, *, installed: bool = True) -> pluggy.PluginManager:
    """Import packs and return the manager that knows their hooks.

    Args:
        names: modules to import.
        installed: also load the packs that installed packages offer as entry points.

    Raises:
        RegistryError: a pack cannot be imported, or implements a hook with the wrong parameters.

    """
    manager = pluggy.PluginManager("inhouse")
    manager.add_hookspecs(Hooks)
    for name in names:
        _register(manager, name, functools.partial(importlib.import_module, name))
    if installed:
        from importlib.metadata import entry_points  # costs 40 ms, which `import inhouse` need not pay

        for entry in entry_points(group=ENTRY_POINTS):
            _register(manager, entry.name, entry.load)
    return manager


def build_registry(manager: pluggy.PluginManager, sources: Mapping[str, ChoiceSource] | None = None) -> Registry:
    """Build the registry of all nodes that loaded packs offer.

    Args:
        manager: what ``load_packs`` returned.
        sources: sources of choices besides the packs' own, such as the model folders.

    Raises:
        RegistryError: two packs declare the same node id or the same source, or a pack's hook fails.

    """
    offered = dict(sources or {})
    owners = dict.fromkeys(offered, "inhouse")
    for pack, choices in _answers(manager, "register_choices", _sources):
        for name in choices:
            if name in owners:
                raise RegistryError(
                    f"The source of choices {name!r} is declared by pack {owners[name]!r} and by {pack!r}.",
                    hint="Load one pack only.",
                )
        owners.update(dict.fromkeys(choices, pack))
        offered.update(choices)
    registry = Registry(sources=offered)
    for pack, nodes in _answers(manager, "register_nodes", _nodes):
        registry.add(nodes, pack=pack)
    return registry


def _answers(manager: pluggy.PluginManager, hook: str, read: Callable[[object], T]) -> Iterator[tuple[str, T]]:
    """Ask each pack by itself, in the order of loading, so that a fault can be laid at the right door."""
    caller: pluggy.HookCaller = getattr(manager.hook, hook)
    for implementation in caller.get_hookimpls():
        try:
            answer = read(implementation.function())
        except Exception as error:
            raise _unusable(implementation.plugin_name, error) from error
        yield implementation.plugin_name, answer


def _nodes(answer: object) -> list[NodeSpec]:
    nodes: list[NodeSpec] = []
    for item in answer if isinstance(answer, Iterable) else [answer]:
        if not isinstance(item, NodeSpec):
            raise TypeError(f"{item!r:.80} is no node; declare it with @node")
        nodes.append(item)
    return nodes


def _sources(answer: object) -> Mapping[str, ChoiceSource]:
    if not isinstance(answer, Mapping):
        raise TypeError(f"{answer!r:.80} is no mapping of names to sources of choices")
    return answer


def _register(manager: pluggy.PluginManager, name: str, load: Callable[[], object]) -> None:
    try:
        manager.register(load(), name=name.rpartition(".")[2])
        manager.check_pending()
    except Exception as error:
        raise _unusable(name, error) from error


def _unusable(name: str, error: Exception) -> RegistryError:
    known = isinstance(error, ImportError | ValueError | pluggy.PluginValidationError)
    said = str(error) if known else f"{type(error).__name__}: {error}"
    return RegistryError(f"Pack {name!r} cannot be loaded: {said}.", hint="Uninstall it, or install what it needs.")
