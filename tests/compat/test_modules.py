import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from inhouse import Registry
from inhouse.compat.modules import HostModules
from inhouse.compat.prompt_server import PackHost
from inhouse.engine.registry import ChoiceSource
from inhouse.errors import NotOfferedError
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue


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
                "exists_annotated_filepath add_model_folder_path models_dir base_path get_user_directory"
            ),
        ),
        (
            "comfy.utils",
            (
                "ProgressBar common_upscale lanczos load_torch_file save_torch_file tiled_scale repeat_to_batch_size "
                "state_dict_prefix_replace calculate_parameters set_progress_bar_enabled PROGRESS_BAR_ENABLED"
            ),
        ),
        ("comfy.samplers", "KSampler SAMPLER_NAMES SCHEDULER_NAMES sampler_object calculate_sigmas CFGGuider KSAMPLER"),
        ("comfy.sample", "sample sample_custom prepare_noise fix_empty_latent_channels"),
        ("comfy.sd", "VAE CLIP CLIPType load_checkpoint_guess_config load_lora_for_models load_diffusion_model"),
        ("comfy.model_patcher", "ModelPatcher"),
        ("comfy.cli_args", "args LatentPreviewMethod"),
        ("latent_preview", "prepare_callback get_previewer LatentPreviewer"),
        ("node_helpers", "conditioning_set_values pillow string_to_torch_dtype image_alpha_fix"),
        ("comfy_api.v0_0_2", "ComfyExtension io ui ComfyAPI"),
        ("comfy_execution.utils", "get_executing_context"),
        ("comfyui_version", "__version__"),
        (
            "comfy.model_management",
            (
                "get_torch_device intermediate_device soft_empty_cache throw_exception_if_processing_interrupted "
                "InterruptProcessingException OOM_EXCEPTION unet_offload_device vae_device text_encoder_dtype "
                "load_models_gpu unload_all_models get_free_memory should_use_fp16 module_size VRAMState vram_state "
                "processing_interrupted interrupt_current_processing is_nvidia xformers_enabled cast_to_device"
            ),
        ),
        ("nodes", "NODE_CLASS_MAPPINGS MAX_RESOLUTION Core common_ksampler EXTENSION_WEB_DIRS interrupt_processing"),
        ("server", "PromptServer BinaryEventTypes"),
    ],
)
def test_packs_find_the_names_they_import(host: Any, module: str, names: str) -> None:
    assert host.registry
    found = importlib.import_module(module)
    assert [name for name in names.split() if not hasattr(found, name)] == []


def test_the_inside_of_comfyui_can_be_imported_and_says_so_when_it_is_used(host: Any) -> None:
    assert host.registry
    attention = importlib.import_module("comfy.ldm.modules.attention").optimized_attention
    with pytest.raises(NotOfferedError, match=r"comfy\.ldm\.modules\.attention\.optimized_attention"):
        attention(1, 2, 3)
    with pytest.raises(NotOfferedError, match=r"comfy_api\.latest\.InputImpl\.VideoFromFile"):
        importlib.import_module("comfy_api.latest").InputImpl.VideoFromFile("x")
    with pytest.raises(NotOfferedError, match=r"nodes\.Nowhere"):
        importlib.import_module("nodes").Nowhere()
    assert importlib.import_module("comfy_extras.nodes_ours").Core is importlib.import_module("nodes").Core
    assert "Nowhere" not in importlib.import_module("nodes").NODE_CLASS_MAPPINGS
    assert not importlib.import_module("comfy.model_management").a_flag_of_next_year


@pytest.mark.parametrize("module", ["folder_paths", "server", "node_helpers", "nodes"])
def test_packs_can_see_what_is_not_there(host: Any, module: str) -> None:
    assert host.registry
    assert not hasattr(importlib.import_module(module), "a_function_of_next_year")


@pytest.mark.parametrize(
    "line",
    [
        "from comfy import model_base, utils",
        "import comfy.model_detection",
        "from comfy_execution.caching import HierarchicalCache",
        "from execution import PromptExecutor",
        "from app.user_manager import UserManager",
        "import comfy.ops\nclass Layer(comfy.ops.manual_cast.Linear): pass",
        "from comfy_api.latest import Input, InputImpl, Types",
        "from comfy.utils import a_function_of_next_year",
    ],
)
def test_lines_that_packs_begin_with(host: Any, line: str) -> None:
    assert host.registry
    exec(line, {})


def test_packs_find_the_folder_above_theirs_from_where_modules_lie(host: Any) -> None:
    paths, server = importlib.import_module("folder_paths"), importlib.import_module("server")
    for module in (paths, server, importlib.import_module("nodes")):
        assert Path(str(module.__file__)).parent == Path(paths.base_path)
    assert Path(inspect.getfile(server.PromptServer)).parent == Path(paths.base_path)
    assert host.registry


def test_routes_and_messages_without_a_server_lead_nowhere(host: Any) -> None:
    assert host.registry
    server = importlib.import_module("server").PromptServer.instance

    def handler() -> None:
        raise AssertionError

    assert server.routes.post("/x")(handler) is handler
    server.send_sync("event", {"a": 1})


def test_the_samplers_are_those_that_the_nodes_offer() -> None:
    registry = Registry(sources={"samplers": ChoiceSource(lambda _: ("euler", "uni_pc"))})
    modules = HostModules(registry, Folders(Path(), Path(), Path()), ModelCatalogue({}), Path("packs"), PackHost())
    modules.table.install()
    try:
        samplers = importlib.import_module("comfy.samplers")
        assert samplers.KSampler.SAMPLERS == samplers.SAMPLER_NAMES == ["euler", "uni_pc"]
        assert samplers.KSampler.SCHEDULERS == []
        with pytest.raises(NotOfferedError, match=r"comfy\.samplers\.KSampler"):
            samplers.KSampler("model")
    finally:
        modules.table.remove()
