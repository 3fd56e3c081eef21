"""Custom packs: a folder of ComfyUI node packs, loaded into a registry for as long as somebody needs them."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import logging
import sys
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from inhouse.compat.border import Border
from inhouse.compat.dynamic_prompt import Expansions
from inhouse.compat.leniency import take_literals
from inhouse.compat.modules import PACKS, HostModules
from inhouse.compat.node_class import adapt
from inhouse.compat.prompt_server import PackHost
from inhouse.compat.v1 import read_v1
from inhouse.compat.v3 import read_v3
from inhouse.errors import FileError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from inhouse.compat.border import Values
    from inhouse.compat.node_class import NodeClass
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry
    from inhouse.files import Folders
    from inhouse.models.catalogue import ModelCatalogue

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CustomPack:
    """A pack of custom nodes.

    Attributes:
        name: of its file or folder.
        path: where it lies.
        nodes: its nodes.
        web: the folder of its scripts for a canvas; None if it has none.
        watches: folders of files that it lists, besides those of models.

    """

    name: str
    path: Path
    nodes: tuple[NodeSpec, ...] = ()
    web: Path | None = None
    watches: tuple[Path, ...] = ()


class PackError(RegistryError):
    """A pack, or a node of it, cannot be loaded."""

    def __init__(self, pack: str, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.pack = pack


class CustomNodes:
    """Loads the packs of a folder into a registry; until closed, the modules that they import are there.

    A pack that cannot be imported, and a node that cannot be read, is left out; ``problems`` says which and why.

    Args:
        folder: has a pack in each ``.py`` file and each package below it.
        registry: where the nodes go.
        folders: where packs read pictures from and write them to.
        catalogue: the models that packs may list.
        host: what stands behind the server that packs see; without one, nothing does.
        offered: what our own packs add to the modules that these import: module -> name -> member.
        values: how our own packs' values look to these.

    Raises:
        FileError: the folder is not there, or cannot be read.
        RegistryError: two packs declare the same id, or custom packs are loaded in this process already.

    """

    def __init__(
        self,
        folder: Path,
        registry: Registry,
        folders: Folders,
        catalogue: ModelCatalogue,
        host: PackHost | None = None,
        offered: Iterable[Mapping[str, Mapping[str, Any]]] = (),
        values: Iterable[Values] = (),
    ) -> None:
        self.packs: list[CustomPack] = []
        self.problems: list[PackError] = []
        self.folders = folders
        self._expansions = Expansions()
        self.host = host or PackHost()
        self._border = Border(values)
        self._modules = HostModules(registry, folders, catalogue, folder, self.host, self._border)
        for members in offered:
            self._modules.table.add(members)
        self.server = self._modules.server
        self.classes = self._modules.classes
        self._modules.table.install()
        try:
            for path in _pack_paths(folder):
                self._load(path)
            self._register(registry)
        except BaseException:
            self._modules.table.remove()
            raise

    def close(self) -> None:
        """Take the modules away; the nodes stay in the registry, and must not run any more."""
        self._modules.table.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self, path: Path) -> None:
        known = self._listed_folders()
        try:
            with redirect_stdout(sys.stderr):  # packs greet; standard output belongs to the program
                module = _import(path)
                found = list(_node_classes(module))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a pack's own code; whatever it raises harms only it
            self._problem(path, f"cannot be loaded: {type(error).__name__}: {error}", error)
            return
        nodes = []
        for node_id, cls, display_name in found:
            try:
                node = _read(node_id, cls, display_name)
                spec = adapt(node, self._expansions, self._border)
            except Exception as error:  # noqa: BLE001 - as above
                self._problem(path, f"has a node {node_id or cls!r} that cannot be read: {error}", error)
                continue
            module_name = _module_name(path)
            nodes.append(
                replace(
                    spec, pack=_pack_name(path), flags=MappingProxyType({**spec.flags, "python_module": module_name})
                )
            )
            self.classes.setdefault(spec.id, cls)
        watches = self._listed_folders() - known
        self.packs.append(CustomPack(_pack_name(path), path, tuple(nodes), self._web(path, module), tuple(watches)))

    def _listed_folders(self) -> set[Path]:
        """Return the folders of files that packs may list."""
        kinds = self._modules.paths.folder_names_and_paths.values()
        return {Path(folder) for folders, *_ in kinds for folder in folders}

    def _web(self, path: Path, module: ModuleType) -> Path | None:
        """Return the folder of a pack's scripts: it says so itself, in its project file, or by hand."""
        named = getattr(module, "WEB_DIRECTORY", None) or _project(path).get("web")
        named = named or self._modules.web.get(path.name)
        folder = path / named if isinstance(named, str) and path.is_dir() else None
        return folder if folder is not None and folder.is_dir() else None

    def _problem(self, path: Path, text: str, error: BaseException) -> None:
        hint = f"Install {error.name!r}, or move the pack away." if isinstance(error, ModuleNotFoundError) else ""
        name = _pack_name(path)
        problem = PackError(name, f"Custom pack {name!r} {text}.", hint=hint or "Mend it, or move it away.")
        problem.__cause__ = error
        self.problems.append(problem)
        _LOG.warning("%s", problem)

    def _register(self, registry: Registry) -> None:
        """Add the nodes of all packs, or none."""
        registry.add(take_literals((spec for pack in self.packs for spec in pack.nodes), registry))


def load_custom_nodes(folder: Path, registry: Registry, folders: Folders, catalogue: ModelCatalogue) -> CustomNodes:
    """Load the packs of a folder; see ``CustomNodes``, which this returns, to be closed.

    Raises:
        FileError: the folder is not there, or cannot be read.
        RegistryError: two packs declare the same id, or custom packs are loaded in this process already.

    """
    return CustomNodes(folder, registry, folders, catalogue)


def _pack_paths(folder: Path) -> list[Path]:
    """Return the packs of a folder in the order of their names; what is hidden or disabled by its name stays out."""
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise FileError(f"Cannot read the folder of custom packs {folder}: {error.strerror}.") from error
    return [
        path
        for path in found
        if not path.name.startswith((".", "_"))
        and ((path.suffix == ".py" and path.is_file()) or (path / "__init__.py").is_file())
        and path.suffix != ".disabled"
    ]


def _project(path: Path) -> dict[str, Any]:
    """Return what a pack's project file says for ComfyUI."""
    try:
        found = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))
        said = found.get("tool", {}).get("comfy", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return said if isinstance(said, dict) else {}


def _pack_name(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _module_name(path: Path) -> str:
    return f"{PACKS}.{_pack_name(path).replace('.', '_')}"


def _import(path: Path) -> ModuleType:
    name = _module_name(path)
    file = path / "__init__.py" if path.is_dir() else path
    places = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[loaded]
        raise
    return module


def _node_classes(module: ModuleType) -> Iterable[tuple[str, Any, str]]:
    """Yield id, class and display name of a pack's nodes; the id of a new-style one is in its schema."""
    mappings = getattr(module, "NODE_CLASS_MAPPINGS", None)
    names = getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None)
    entry = getattr(module, "comfy_entrypoint", None)
    if not isinstance(mappings, Mapping) and not callable(entry):
        raise RegistryError("it has neither NODE_CLASS_MAPPINGS nor comfy_entrypoint")
    if isinstance(mappings, Mapping):
        shown = names if isinstance(names, Mapping) else {}
        yield from ((str(node_id), cls, str(shown.get(node_id) or "")) for node_id, cls in mappings.items())
    if callable(entry):
        extension = _awaited(entry())
        _awaited(extension.on_load())
        yield from (("", cls, "") for cls in _awaited(extension.get_node_list()))


def _read(node_id: str, cls: Any, display_name: str) -> NodeClass:
    if hasattr(cls, "define_schema"):
        return read_v3(cls)
    return read_v1(node_id, cls, display_name)


def _awaited(value: Any) -> Any:
    """Return what a coroutine returns, run in a thread of its own, as this one may have a loop running."""
    if not inspect.iscoroutine(value):
        return value
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, value).result()
