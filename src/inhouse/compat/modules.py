"""The modules that custom packs import, there only while somebody holds the table of them installed."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from inhouse.compat import comfy_utils, dynamic_prompt, graph_builder, io_nodes, io_sockets, io_ui
from inhouse.compat.core_nodes import NodeClasses
from inhouse.compat.folder_paths import FolderPaths
from inhouse.compat.prompt_server import BinaryEventTypes
from inhouse.engine.node import Blocker
from inhouse.errors import InterruptedRunError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from inhouse.compat.prompt_server import PromptServer
    from inhouse.engine.registry import Registry
    from inhouse.files import Folders
    from inhouse.models.catalogue import ModelCatalogue

PACKS = "custom_nodes"
"""The package that packs are modules of."""
_MARK = "__inhouse__"
_MAX_RESOLUTION = 16384


class ModuleTable:
    """Modules by name, put into ``sys.modules`` and taken out again with what was imported below them.

    Args:
        modules: each by its full name.

    """

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._modules = dict(modules)
        self._before: dict[str, ModuleType] = {}
        self._path: list[str] = []
        self._tops = frozenset(name.partition(".")[0] for name in modules)

    def install(self) -> None:
        """Put the modules in; whatever had one of their names waits.

        Raises:
            RegistryError: another table is installed in this process.

        """
        present = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in self._tops}
        if any(hasattr(module, _MARK) for module in present.values()):
            raise RegistryError(
                "Custom packs are loaded in this process already.", hint="Close what loaded them first."
            )
        for name in present:
            del sys.modules[name]
        self._before = present
        self._path = sys.path[:]
        for name, module in self._modules.items():
            setattr(module, _MARK, self)
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(self._modules[parent], child, module)

    def remove(self) -> None:
        """Take the modules out, those of packs with them, and put back what was there before."""
        for name in [name for name in sys.modules if name.partition(".")[0] in self._tops]:
            del sys.modules[name]
        sys.modules.update(self._before)
        self._before = {}
        sys.path[:] = self._path


def host_modules(
    registry: Registry,
    loaded: Mapping[str, type[Any]],
    folders: Folders,
    catalogue: ModelCatalogue,
    packs: Path,
    server: type[PromptServer],
) -> dict[str, ModuleType]:
    """Return the modules that custom packs import, by name.

    Args:
        registry: the nodes there are.
        loaded: node classes of packs loaded so far.
        folders: where pictures lie.
        catalogue: where models lie.
        packs: the folder of the packs.
        server: what the module ``server`` offers.

    """
    classes = NodeClasses(registry, loaded)
    paths = FolderPaths(folders, catalogue, packs.absolute().parent)
    listed = [
        _module(PACKS, __path__=[str(packs)]),
        *_comfy(),
        *_comfy_api(folders),
        *_comfy_execution(),
        _module("folder_paths", **_members(paths)),
        _module(
            "nodes",
            NODE_CLASS_MAPPINGS=classes,
            NODE_DISPLAY_NAME_MAPPINGS={spec.id: spec.display_name for spec in registry},
            MAX_RESOLUTION=_MAX_RESOLUTION,
            __getattr__=lambda name: _class(classes, name),
        ),
        _module("server", PromptServer=server, BinaryEventTypes=BinaryEventTypes),
    ]
    return {module.__name__: module for module in listed}


def _comfy() -> list[ModuleType]:
    devices = (
        "throw_exception_if_processing_interrupted",
        "get_torch_device",
        "intermediate_device",
        "soft_empty_cache",
    )
    types = {**_public(comfy_utils, "IO", "ComfyNodeABC", "CheckLazyMixin"), "InputTypeDict": dict, "FileLocator": dict}
    return [
        _module("comfy", __path__=[]),
        _module("comfy.utils", **_public(comfy_utils, "ProgressBar", "common_upscale")),
        _module(
            "comfy.model_management",
            InterruptProcessingException=InterruptedRunError,
            **_public(comfy_utils, *devices),
        ),
        _module("comfy.comfy_types", __path__=[], **types),
        _module("comfy.comfy_types.node_typing", **types),
    ]


def _comfy_api(folders: Folders) -> list[ModuleType]:
    ui = _module("comfy_api.latest.ui")
    io_ui.add_ui(ui, folders)
    return [
        _module("comfy_api", __path__=[]),
        _module("comfy_api.latest", __path__=[], ComfyExtension=io_nodes.ComfyExtension),
        _module(
            "comfy_api.latest.io",
            **io_sockets.socket_types(),
            **_public(io_nodes, "Schema", "Hidden", "NodeOutput", "ComfyNode"),
            **_public(io_sockets, "NumberDisplay", "FolderType", "UploadType", "comfytype"),
            Custom=io_sockets.custom,
            ComfyTypeIO=io_sockets.ComfyType,
            Input=io_sockets.Socket,
            Output=io_sockets.OutputSocket,
        ),
        ui,
    ]


def _comfy_execution() -> list[ModuleType]:
    return [
        _module("comfy_execution", __path__=[]),
        _module(
            "comfy_execution.graph_utils",
            **_public(graph_builder, "GraphBuilder", "Node", "is_link", "add_graph_prefix"),
        ),
        _module(
            "comfy_execution.graph",
            ExecutionBlocker=Blocker,
            **_public(dynamic_prompt, "DynamicPrompt", "NodeNotFoundError"),
        ),
    ]


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name, "Offered to custom packs by Inhouse.")
    module.__dict__.update(members)
    return module


def _public(source: object, *names: str) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}


def _members(paths: FolderPaths) -> dict[str, Any]:
    return {name: getattr(paths, name) for name in dir(paths) if not name.startswith("_")}


def _class(classes: NodeClasses, name: str) -> type[Any]:
    if name in classes:
        return classes[name]
    raise AttributeError(f"module 'nodes' has no attribute {name!r}")
