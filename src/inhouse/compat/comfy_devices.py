"""Devices and memory as custom packs ask for them (``comfy.model_management``)."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.compat.calls_in_progress import current_call
from inhouse.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

InterruptProcessingException = InterruptedRunError
XFORMERS_IS_AVAILABLE = False
directml_enabled = False
lowvram_available = False
current_loaded_models: tuple[Any, ...] = ()
"""What the engine keeps is its own business; packs that look here find nothing of theirs."""
_WORKING_MEMORY = 1024**3
"""Bytes that inference is taken to need besides the weights."""


class VRAMState(Enum):
    """How much of a model stays on the device."""

    DISABLED = 0
    NO_VRAM = 1
    LOW_VRAM = 2
    NORMAL_VRAM = 3
    HIGH_VRAM = 4
    SHARED = 5


class CPUState(Enum):
    """What kind of device computes."""

    GPU = 0
    CPU = 1
    MPS = 2


# -- which devices ---------------------------------------------------------------------------------------


def has_gpu() -> bool:
    """Whether a graphics card may be there; asks no library."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()


def get_torch_device() -> torch.device:
    """Return the device to compute on."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def cpu_device() -> torch.device:
    """Return the CPU: pictures pass on it from node to node, and models wait on it."""
    import torch

    return torch.device("cpu")


def unet_inital_load_device(parameters: int, dtype: torch.dtype) -> torch.device:  # noqa: ARG001 - packs call it so
    """Return the device onto which a denoiser is read."""
    return cpu_device()


def get_autocast_device(dev: torch.device) -> str:
    """Return the name of a device's type."""
    return str(getattr(dev, "type", "cuda"))


def get_torch_device_name(device: torch.device) -> str:
    """Return a device's name for a user."""
    import torch

    return f"{device} {torch.cuda.get_device_name(device)}" if device.type == "cuda" else str(device.type)


def is_device_type(device: torch.device, kind: str) -> bool:
    """Whether a device is of a type."""
    return getattr(device, "type", None) == kind


def is_device_cpu(device: torch.device) -> bool:
    """Whether a device is the CPU."""
    return is_device_type(device, "cpu")


def is_device_mps(device: torch.device) -> bool:
    """Whether a device is one of Apple's."""
    return is_device_type(device, "mps")


def is_device_cuda(device: torch.device) -> bool:
    """Whether a device is one that CUDA or ROCm serves."""
    return is_device_type(device, "cuda")


def is_nvidia() -> bool:
    """Whether the device to compute on is one of NVIDIA's."""
    import torch

    return get_torch_device().type == "cuda" and torch.version.cuda is not None


def is_amd() -> bool:
    """Whether the device to compute on is one of AMD's."""
    return get_torch_device().type == "cuda" and not is_nvidia()


def no(*_given: Any, **_named: Any) -> bool:
    """Answer no: what is asked for is not there, or not used."""
    return False


def yes(*_given: Any, **_named: Any) -> bool:
    """Answer yes."""
    return True


# -- number formats ---------------------------------------------------------------------------------------


def should_use_fp16(device: torch.device | None = None, *_given: Any, **_named: Any) -> bool:
    """Whether half precision pays on a device: it does on a graphics card."""
    return (device or get_torch_device()).type in ("cuda", "mps")


def should_use_bf16(device: torch.device | None = None, *_given: Any, **_named: Any) -> bool:
    """Whether bfloat16 pays on a device."""
    import torch

    return (device or get_torch_device()).type == "cuda" and torch.cuda.is_bf16_supported()


def working_dtype(*_given: Any, **_named: Any) -> torch.dtype:
    """Return the type in which networks are best kept on the device to compute on."""
    import torch

    if should_use_bf16():
        return torch.bfloat16
    return torch.float16 if should_use_fp16() else torch.float32


def vae_dtype(device: torch.device | None = None, allowed_dtypes: Iterable[torch.dtype] = ()) -> torch.dtype:
    """Return the type for an autoencoder: bfloat16 where it is allowed and pays, as half precision may overflow."""
    import torch

    return torch.bfloat16 if torch.bfloat16 in allowed_dtypes and should_use_bf16(device) else torch.float32


def dtype_size(dtype: torch.dtype) -> int:
    """Return the bytes of one number."""
    return dtype.itemsize


def cast_to_device(
    tensor: torch.Tensor,
    device: torch.device,
    dtype: torch.dtype,
    copy: bool = False,  # noqa: FBT001, FBT002 - packs call it so
) -> torch.Tensor:
    """Return a tensor on a device, in a type."""
    return tensor.to(device=device, dtype=dtype, copy=copy)


def cast_to(
    weight: torch.Tensor,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    non_blocking: bool = False,  # noqa: FBT001, FBT002 - as above
    copy: bool = False,  # noqa: FBT001, FBT002 - as above
    **_named: Any,
) -> torch.Tensor:
    """Return a tensor on a device, in a type; as it is where they are None."""
    return weight.to(device=device, dtype=dtype, non_blocking=non_blocking, copy=copy)


# -- memory ---------------------------------------------------------------------------------------


def get_total_memory(dev: Any = None, torch_total_too: bool = False) -> Any:  # noqa: FBT001, FBT002 - as above
    """Return a device's bytes; twice, as a pair, if what torch may use is asked for, too."""
    import torch

    device = torch.device(dev or get_torch_device())
    total = torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else _pages("SC_PHYS_PAGES")
    return (total, total) if torch_total_too else total


def get_free_memory(dev: Any = None, torch_free_too: bool = False) -> Any:  # noqa: FBT001, FBT002 - as above
    """Return a device's free bytes; with those that torch holds and does not use, as a pair, if asked for, too."""
    import torch

    device = torch.device(dev or get_torch_device())
    if device.type != "cuda":
        free, unused = _pages("SC_AVPHYS_PAGES"), _pages("SC_AVPHYS_PAGES")
    else:
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + unused
    return (free, unused) if torch_free_too else free


def minimum_inference_memory() -> int:
    """Return the bytes that inference is taken to need besides the weights."""
    return _WORKING_MEMORY


def module_size(module: Any) -> int:
    """Return the bytes of a module's weights."""
    return sum(value.nbytes for value in module.state_dict().values())


def soft_empty_cache(force: bool = False) -> None:  # noqa: ARG001, FBT001, FBT002 - as above
    """Give memory that nobody uses back to the device."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def unload_all_models(*_given: Any, **_named: Any) -> None:
    """Give back memory that nobody uses: models of workflows are the engine's, and it frees them when it must."""
    soft_empty_cache()


def free_memory(memory_required: float, device: torch.device, *_given: Any, **_named: Any) -> list[Any]:  # noqa: ARG001
    """Give back memory that nobody uses; nothing is unloaded for it."""
    soft_empty_cache()
    return []


def load_models_gpu(models: Iterable[Any], *_given: Any, **_named: Any) -> None:
    """Have models of the pack's own on the device; ours see to that themselves."""
    for model in models:
        load_model_gpu(model)


def load_model_gpu(model: Any) -> Any:
    """Have a model of the pack's own on the device; see ``comfy.model_patcher.ModelPatcher``."""
    move = getattr(model, "patch_model", None)
    return move() if callable(move) else model


# -- stopping ---------------------------------------------------------------------------------------


def throw_exception_if_processing_interrupted() -> None:
    """Give the engine an occasion to stop the node.

    Raises:
        InterruptedRunError: somebody asked the run to stop.

    """
    call = current_call()
    if call is not None:
        call.context.check()


def processing_interrupted() -> bool:
    """Whether somebody asked the run to stop."""
    call = current_call()
    return call is not None and call.context._control.requested  # noqa: SLF001 - nodes of ours need not ask


def interrupt_current_processing(value: bool = True) -> None:  # noqa: FBT001, FBT002 - as above
    """Stop the run that this code runs in, at its next step."""
    call = current_call()
    if call is not None and value:
        call.context._control.cancel()  # noqa: SLF001 - as above


def _pages(name: str) -> int:
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # where the system does not say
        return 0


def members() -> dict[str, Any]:
    """Return all that the module offers, by name."""
    own = {name: value for name, value in globals().items() if not name.startswith("_") and name not in _NOT_OFFERED}
    same: dict[str, Any] = {
        **dict.fromkeys(_ON_CPU, cpu_device),
        **dict.fromkeys(_ON_DEVICE, get_torch_device),
        **dict.fromkeys(_DTYPES, working_dtype),
        **dict.fromkeys(_NOTHING, lambda *_given, **_named: None),
        **dict.fromkeys(_NO, no),
        **dict.fromkeys(_YES, yes),
    }
    gpu = has_gpu()
    state = VRAMState.NORMAL_VRAM if gpu else VRAMState.DISABLED
    facts = {
        "__getattr__": _looked_up,
        "vram_state": state,
        "set_vram_to": state,
        "cpu_state": CPUState.GPU if gpu else CPUState.CPU,
        "total_ram": _pages("SC_PHYS_PAGES") / 1024**2,
        "total_vram": _pages("SC_PHYS_PAGES") / 1024**2,
        "EXTRA_RESERVED_VRAM": 0,
    }
    return {**own, **same, **facts}


def _looked_up(name: str) -> Any:
    """Return what needs torch, which a pack may do without."""
    if name == "OOM_EXCEPTION":
        import torch

        return torch.OutOfMemoryError
    raise AttributeError(f"module 'comfy.model_management' has no attribute {name!r}")


_ON_CPU = ("intermediate_device", "unet_offload_device", "text_encoder_offload_device", "vae_offload_device")
_ON_DEVICE = ("text_encoder_device", "text_encoder_initial_device", "vae_device", "controlnet_device", "get_device")
_DTYPES = ("unet_dtype", "text_encoder_dtype")
_NOTHING = ("cleanup_models", "cleanup_models_gc", "unload_model_clones", "unet_manual_cast", "archive_model_dtypes")
_NO = ("is_intel_xpu", "is_ascend_npu", "is_mlu", "is_directml_enabled", "xformers_enabled", "xformers_enabled_vae")
_YES = ("pytorch_attention_enabled", "pytorch_attention_enabled_vae")
_NOT_OFFERED = frozenset(
    {
        "annotations",
        "members",
        "has_gpu",
        "Path",
        "no",
        "yes",
        "os",
        "Enum",
        "TYPE_CHECKING",
        "Any",
        "current_call",
        "InterruptedRunError",
    }
)
