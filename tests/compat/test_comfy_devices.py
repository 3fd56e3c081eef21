import pytest
import torch

from inhouse.compat import comfy_devices
from inhouse.compat.calls_in_progress import Call, running
from inhouse.compat.model_calls import ModelPatcher
from inhouse.errors import InterruptedRunError

CPU = torch.device("cpu")


def test_devices_are_torch_devices() -> None:
    members = comfy_devices.members()
    here, there = members["get_torch_device"](), members["intermediate_device"]()
    assert torch.zeros(1, device=here).to(there).device.type == "cpu"
    assert members["unet_offload_device"]().type == "cpu"
    assert members["get_autocast_device"](here) == here.type
    assert comfy_devices.is_device_cpu(CPU)
    assert not comfy_devices.is_device_cuda(CPU)


def test_nothing_of_our_own_leaks_into_the_module() -> None:
    assert not {"annotations", "Any", "os", "members", "current_call"} & comfy_devices.members().keys()


@pytest.mark.parametrize("name", ["xformers_enabled", "is_intel_xpu"])
def test_what_is_not_used_is_answered_with_no(name: str) -> None:
    assert comfy_devices.members()[name]() is False


def test_memory_is_told_in_bytes() -> None:
    free, total = comfy_devices.get_free_memory(CPU), comfy_devices.get_total_memory(CPU)
    assert 0 < free <= total
    assert comfy_devices.get_free_memory(CPU, torch_free_too=True) == pytest.approx((free, free), rel=0.5)
    assert comfy_devices.module_size(torch.nn.Linear(3, 2)) == 4 * (3 * 2 + 2)
    assert comfy_devices.free_memory(1e9, CPU) == []


def test_numbers_of_a_cpu_are_whole() -> None:
    assert comfy_devices.vae_dtype(CPU, [torch.bfloat16]) is torch.float32
    assert comfy_devices.dtype_size(torch.float16) == 2
    assert comfy_devices.cast_to(torch.ones(1), torch.float16).dtype is torch.float16
    assert comfy_devices.cast_to_device(torch.ones(1), CPU, torch.float64).dtype is torch.float64
    assert not comfy_devices.should_use_fp16(CPU)


def test_the_error_of_a_full_device_is_torchs() -> None:
    look_up = comfy_devices.members()["__getattr__"]
    assert look_up("OOM_EXCEPTION") is torch.OutOfMemoryError
    with pytest.raises(AttributeError, match="nothing_like_it"):
        look_up("nothing_like_it")


def test_models_of_packs_are_put_onto_the_device() -> None:
    patcher = ModelPatcher(torch.nn.Linear(1, 1), torch.device("meta"), CPU)
    comfy_devices.load_models_gpu([patcher, object()])
    assert patcher.current_device.type == "meta"


def test_a_pack_may_stop_the_run_it_is_in(call: Call) -> None:
    comfy_devices.throw_exception_if_processing_interrupted()
    comfy_devices.interrupt_current_processing()
    assert not comfy_devices.processing_interrupted()
    with running(call):
        assert not comfy_devices.processing_interrupted()
        comfy_devices.interrupt_current_processing()
        assert comfy_devices.processing_interrupted()
        with pytest.raises(InterruptedRunError):
            comfy_devices.throw_exception_if_processing_interrupted()
