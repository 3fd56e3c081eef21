"""A table of modules that are there only while somebody holds it installed."""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from inhouse.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

MARK = "__inhouse__"


class ModuleTable:
    """Modules by name, put into ``sys.modules`` and taken out again with what was imported below them.

    Args:
        modules: each by its full name.
        missing: asked for a module that is neither in the table nor anywhere else; None from it means there is none.
        tops: names of modules that it is asked for; they, and what is below them, are taken out at the end, too.

    """

    def __init__(
        self,
        modules: Mapping[str, ModuleType],
        missing: Callable[[str], ModuleType | None] | None = None,
        tops: Collection[str] = (),
    ) -> None:
        self._modules = dict(modules)
        self._before: dict[str, ModuleType] = {}
        self._path: list[str] = []
        self._tops = frozenset(name.partition(".")[0] for name in modules) | frozenset(tops)
        self._finder = _Finder(missing) if missing else None

    def add(self, members: Mapping[str, Mapping[str, Any]]) -> None:
        """Add members to modules of the table, or put them in the place of others; what names no module is left out."""
        for name, added in members.items():
            if name in self._modules:
                self._modules[name].__dict__.update(added)

    def install(self) -> None:
        """Put the modules in; whatever had one of their names waits.

        Raises:
            RegistryError: another table is installed in this process.

        """
        present = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in self._tops}
        if any(hasattr(module, MARK) for module in present.values()):
            raise RegistryError(
                "Custom packs are loaded in this process already.", hint="Close what loaded them first."
            )
        for name in present:
            del sys.modules[name]
        self._before = present
        self._path = sys.path[:]
        for name, module in self._modules.items():
            setattr(module, MARK, self)
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(self._modules[parent], child, module)
        if self._finder is not None:
            sys.meta_path.append(self._finder)

    def remove(self) -> None:
        """Take the modules out, those of packs with them, and put back what was there before."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in self._tops]:
            del sys.modules[name]
        sys.modules.update(self._before)
        self._before = {}
        sys.path[:] = self._path


class _Finder(MetaPathFinder, Loader):
    """Finds modules that somebody makes up when they are asked for."""

    def __init__(self, make: Callable[[str], ModuleType | None]) -> None:
        self._make = make

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - Python's signature
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        """Return how to load a module; None if it is not made up here."""
        made = self._make(fullname)
        return None if made is None else ModuleSpec(fullname, self, loader_state=made, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module."""
        made: ModuleType = spec.loader_state
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: it is whole."""


def make_module(name: str, **members: Any) -> ModuleType:
    """Return a module; ``__path__=[]`` among its members makes it a package."""
    module = ModuleType(name, "Offered to custom packs by Inhouse.")
    module.__dict__.update(members)
    return module
