"""Every engine by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from inhouse.packs.diffusion.engines.base import Engine
from inhouse.packs.diffusion.engines.onnxruntime import OnnxRuntime
from inhouse.packs.diffusion.engines.openvino import OpenVino
from inhouse.packs.diffusion.engines.torch_compile import TorchCompile

ENGINES: Mapping[str, Callable[[str], Engine]] = MappingProxyType(
    {
        "torch.compile": lambda device: TorchCompile(device=device),
        "openvino": OpenVino,
        "onnxruntime": OnnxRuntime,
    }
)
"""What makes an engine for a device."""
