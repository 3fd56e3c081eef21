"""Compute: on which device and in which precision models run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Compute:
    """On which device and in which precision models run.

    Attributes:
        device: a torch device, such as ``cpu`` or ``cuda:0``.
        dtype: name of the torch type that denoisers compute in: ``float32``, ``bfloat16`` or ``float16``.
        reference: float32 and deterministic algorithms, to compare results across machines.

    """

    device: str = "cpu"
    dtype: str = "float32"
    reference: bool = False

    @classmethod
    def for_reference(cls) -> Compute:
        """Return float32 on the CPU with deterministic algorithms."""
        return cls(reference=True)

    @classmethod
    def detect(cls) -> Compute:
        """Return the best there is here; imports torch only where a graphics card may be."""
        if any(Path(path).exists() for path in ("/dev/nvidiactl", "/dev/kfd")):
            return _on_gpu()
        return cls(dtype="bfloat16" if _cpu_multiplies_bfloat16() else "float32")


def _on_gpu() -> Compute:
    import torch

    if not torch.cuda.is_available():  # ROCm builds answer under the same name
        return Compute(dtype="bfloat16" if _cpu_multiplies_bfloat16() else "float32")
    return Compute("cuda:0", "bfloat16" if torch.cuda.is_bf16_supported() else "float16")


def _cpu_multiplies_bfloat16() -> bool:
    """Whether the CPU has matrix units for bfloat16 (Intel AMX), by what Linux says of it."""
    if os.name != "posix":
        return False
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
