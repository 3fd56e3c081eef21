import importlib
import sys
from types import ModuleType
from typing import Any

import pytest

from inhouse.compat.modules import ModuleTable
from inhouse.errors import RegistryError


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("comfy_execution.graph_utils", "GraphBuilder is_link add_graph_prefix"),
        ("comfy_execution.graph", "ExecutionBlocker DynamicPrompt"),
        ("comfy_api.latest", "ComfyExtension io ui"),
        ("comfy_api.latest.io", "Schema ComfyNode NodeOutput Hidden Image Int Combo Custom MultiType AnyType"),
        ("comfy_api.latest.ui", "PreviewText PreviewImage SavedImages SavedResult"),
        ("comfy.comfy_types", "IO ComfyNodeABC InputTypeDict"),
        ("comfy.comfy_types.node_typing", "IO ComfyNodeABC InputTypeDict"),
        (
            "folder_paths",
            (
                "get_input_directory get_output_directory get_temp_directory get_filename_list get_full_path "
                "get_full_path_or_raise get_save_image_path folder_names_and_paths get_annotated_filepath "
                "exists_annotated_filepath add_model_folder_path models_dir base_path"
            ),
        ),
        ("comfy.utils", "ProgressBar common_upscale"),
        (
            "comfy.model_management",
            (
                "get_torch_device intermediate_device soft_empty_cache throw_exception_if_processing_interrupted "
                "InterruptProcessingException"
            ),
        ),
        ("nodes", "NODE_CLASS_MAPPINGS MAX_RESOLUTION Core"),
        ("server", "PromptServer BinaryEventTypes"),
    ],
)
def test_packs_find_the_names_they_import(host: Any, module: str, names: str) -> None:
    assert host.registry
    found = importlib.import_module(module)
    assert [name for name in names.split() if not hasattr(found, name)] == []


def test_a_module_that_is_not_offered_is_said_to_be_missing(host: Any) -> None:
    assert host.registry
    with pytest.raises(ModuleNotFoundError, match=r"comfy\.samplers"):
        importlib.import_module("comfy.samplers")
    with pytest.raises(AttributeError, match="no attribute 'Nowhere'"):
        _ = importlib.import_module("nodes").Nowhere


def test_the_server_takes_messages_and_routes_and_does_nothing_with_them(host: Any) -> None:
    assert host.registry
    server = importlib.import_module("server").PromptServer.instance

    def handler() -> None:
        raise AssertionError

    assert server.routes.post("/x")(handler) is handler
    assert server.send_sync("event", {"a": 1}) is None


def test_a_table_is_installed_once_and_leaves_no_trace() -> None:
    one, two = (ModuleTable({"a_host": ModuleType("a_host"), "a_host.b": ModuleType("a_host.b")}) for _ in range(2))
    one.install()
    try:
        assert sys.modules["a_host"].b is sys.modules["a_host.b"]
        with pytest.raises(RegistryError, match="already"):
            two.install()
        sys.modules["a_host.made_by_a_pack"] = ModuleType("a_host.made_by_a_pack")
    finally:
        one.remove()
    assert not any(name.startswith("a_host") for name in sys.modules)
