"""Hooks: all that a pack can add, and how packs are found. Our own enter by the same door as a third party's."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, cast

import pluggy

from inhouse.engine.registry import Registry
from inhouse.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import ChoiceSource

hookspec = pluggy.HookspecMarker("inhouse")
hookimpl = pluggy.HookimplMarker("inhouse")

ENTRY_POINTS = "inhouse.packs"
"""The entry-point group in which an installed package offers a pack: a module with hook implementations."""

DEFAULT_PACKS = ("inhouse.packs.flow", "inhouse.packs.image", "inhouse.packs.text", "inhouse.packs.diffusion")
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
        RegistryError: two packs declare the same node id.

    """
    offered = dict(sources or {})
    for choices in manager.hook.register_choices():
        offered.update(choices)
    registry = Registry(sources=offered)
    for implementation in manager.hook.register_nodes.get_hookimpls():
        nodes = cast("Iterable[NodeSpec]", implementation.function())
        registry.add(nodes, pack=implementation.plugin_name)
    return registry


def _register(manager: pluggy.PluginManager, name: str, load: Callable[[], object]) -> None:
    try:
        manager.register(load(), name=name.rpartition(".")[2])
        manager.check_pending()
    except (ImportError, ValueError, pluggy.PluginValidationError) as error:
        raise RegistryError(
            f"Pack {name!r} cannot be loaded: {error}.", hint="Uninstall it, or install what it needs."
        ) from error
