"""The modules that custom packs import, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.compat import (
    comfy_arguments,
    comfy_devices,
    comfy_utils,
    dynamic_prompt,
    graph_builder,
    io_nodes,
    io_sockets,
    io_ui,
    node_helpers,
    state_dicts,
    tiling,
)
from inhouse.compat.core_nodes import NodeClasses
from inhouse.compat.folder_paths import FolderPaths
from inhouse.compat.inner_parts import TOPS, inner_module, inner_part, with_inner_parts
from inhouse.compat.model_calls import model_modules
from inhouse.compat.module_table import ModuleTable, make_module
from inhouse.compat.prompt_server import BinaryEventTypes, PackHost, server_class
from inhouse.compat.sampling_calls import common_ksampler_of, sampling_modules
from inhouse.engine.node import Blocker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from inhouse.compat.border import Border
    from inhouse.compat.prompt_server import PromptServer
    from inhouse.engine.registry import Registry
    from inhouse.files import Folders
    from inhouse.models.catalogue import ModelCatalogue

PACKS = "custom_nodes"
"""The package that packs are modules of."""
COMFYUI_VERSION = "0.3.64"
"""The version whose nodes and modules these are like."""
_MAX_RESOLUTION = 16384


class HostModules:
    """What custom packs import, and what stands behind it.

    Args:
        registry: the nodes there are.
        folders: where pictures lie.
        catalogue: where models lie.
        packs: the folder of the packs.
        host: what stands behind the server that packs see.
        border: how values look to packs.

    Attributes:
        classes: node classes of packs; whoever loads packs adds to it.
        web: folders of scripts for canvases, as packs name them by hand.
        paths: the module ``folder_paths``.
        server: the one server that packs see.
        table: the modules.

    """

    def __init__(
        self,
        registry: Registry,
        folders: Folders,
        catalogue: ModelCatalogue,
        packs: Path,
        host: PackHost,
        border: Border | None = None,
    ) -> None:
        self.classes: dict[str, type[Any]] = {}
        self.web: dict[str, str] = {}
        self.paths = FolderPaths(folders, catalogue, packs)
        server = server_class(host)
        self.server = server.instance
        known = NodeClasses(registry, self.classes, self.paths.directory, border)
        listed = [
            *_comfy(host),
            *sampling_modules(registry),
            *model_modules(known, catalogue),
            *_comfy_api(folders),
            *_comfy_execution(),
            *_top_level(registry, known, self, server),
        ]
        modules = {module.__name__: module for module in listed}
        for name, module in modules.items():
            # Packs find the folder that they and their like lie in from where these would be.
            module.__file__ = f"{packs.absolute().parent.joinpath(*name.split('.'))}.py"
            if name.partition(".")[0] in TOPS:  # the others say what they have, which packs look at before they use it
                with_inner_parts(module)
        modules[PACKS] = make_module(PACKS, __path__=[str(packs)])
        self.table = ModuleTable(modules, lambda name: inner_module(name, known), TOPS)


def _top_level(
    registry: Registry, classes: NodeClasses, host: HostModules, server: type[PromptServer]
) -> list[ModuleType]:
    return [
        make_module("folder_paths", **_members(host.paths)),
        make_module("node_helpers", **_all_of(node_helpers)),
        make_module(
            "nodes",
            NODE_CLASS_MAPPINGS=classes,
            NODE_DISPLAY_NAME_MAPPINGS={spec.id: spec.display_name for spec in registry},
            EXTENSION_WEB_DIRS=host.web,
            LOADED_MODULE_DIRS={},
            MAX_RESOLUTION=_MAX_RESOLUTION,
            common_ksampler=common_ksampler_of(classes),
            interrupt_processing=comfy_devices.interrupt_current_processing,
            before_node_execution=comfy_devices.throw_exception_if_processing_interrupted,
            __getattr__=lambda name: _class(classes, name),
        ),
        make_module("server", PromptServer=server, BinaryEventTypes=BinaryEventTypes),
        make_module("comfyui_version", __version__=COMFYUI_VERSION),
    ]


def _comfy(host: PackHost) -> list[ModuleType]:
    types = {**_public(comfy_utils, "IO", "ComfyNodeABC", "CheckLazyMixin"), "InputTypeDict": dict, "FileLocator": dict}
    gpu = comfy_devices.has_gpu()
    return [
        make_module("comfy", __path__=[]),
        make_module(
            "comfy.utils",
            PROGRESS_BAR_ENABLED=True,
            PROGRESS_BAR_HOOK=None,
            set_progress_bar_enabled=_nothing,
            set_progress_bar_global_hook=_nothing,
            **_public(comfy_utils, "ProgressBar", "common_upscale", "lanczos"),
            **_all_of(state_dicts),
            **_all_of(tiling),
        ),
        make_module("comfy.model_management", **comfy_devices.members()),
        make_module("comfy.comfy_types", __path__=[], **types),
        make_module("comfy.comfy_types.node_typing", **types),
        make_module("comfy.options", enable_args_parsing=_nothing),
        make_module(
            "comfy.cli_args",
            args=comfy_arguments.arguments(cpu=not gpu, address=host.address),
            **_public(comfy_arguments, "LatentPreviewMethod", "PerformanceFeature"),
        ),
    ]


def _comfy_api(folders: Folders) -> list[ModuleType]:
    ui = make_module("comfy_api.latest.ui")
    io_ui.add_ui(ui, folders)
    io = {
        **io_sockets.socket_types(),
        **_public(io_nodes, "Schema", "Hidden", "NodeOutput", "ComfyNode"),
        **_public(io_sockets, "NumberDisplay", "FolderType", "UploadType", "comfytype"),
        "Custom": io_sockets.custom,
        "ComfyTypeIO": io_sockets.ComfyType,
        "Input": io_sockets.Socket,
        "Output": io_sockets.OutputSocket,
    }
    modules = [make_module("comfy_api", __path__=[])]
    for version in ("latest", "v0_0_1", "v0_0_2"):
        name = f"comfy_api.{version}"
        modules += [
            make_module(name, __path__=[], ComfyExtension=io_nodes.ComfyExtension, ComfyAPI=io_nodes.ComfyAPI),
            make_module(f"{name}.io", **io, ComfyExtension=io_nodes.ComfyExtension),
            make_module(f"{name}._io", **io, ComfyExtension=io_nodes.ComfyExtension),
            ui if version == "latest" else make_module(f"{name}.ui", **_all_of(ui)),
        ]
    return modules


def _comfy_execution() -> list[ModuleType]:
    return [
        make_module("comfy_execution", __path__=[]),
        make_module(
            "comfy_execution.graph_utils",
            **_public(graph_builder, "GraphBuilder", "Node", "is_link", "add_graph_prefix"),
            ExecutionBlocker=Blocker,
        ),
        make_module(
            "comfy_execution.graph",
            ExecutionBlocker=Blocker,
            **_public(dynamic_prompt, "DynamicPrompt", "NodeNotFoundError"),
        ),
        make_module("comfy_execution.utils", **_public(comfy_utils, "get_executing_context", "ExecutionContext")),
    ]


def _nothing(*_given: Any, **_named: Any) -> None:
    """Do nothing: progress is shown by whoever watches the run."""


def _public(source: object, *names: str) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}


def _all_of(source: ModuleType) -> Mapping[str, Any]:
    """Return what a module of ours defines itself and does not hide."""
    return {
        name: value
        for name, value in vars(source).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == source.__name__
    }


def _members(paths: FolderPaths) -> dict[str, Any]:
    return {name: getattr(paths, name) for name in dir(paths) if not name.startswith("_")}


def _class(classes: NodeClasses, name: str) -> type[Any]:
    if name in classes:
        return classes[name]
    if name[:1].isupper():  # a node that we do not have: what needs it fails, and the rest of the pack does not
        return inner_part(f"nodes.{name}")
    raise AttributeError(f"module 'nodes' has no attribute {name!r}")
