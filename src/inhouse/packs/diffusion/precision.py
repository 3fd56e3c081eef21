"""Which type a network computes in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_CPU_FLAGS = Path("/proc/cpuinfo")


def has_bfloat16_tiles(cpuinfo: Path = _CPU_FLAGS) -> bool:
    """Whether the processor multiplies matrices of bfloat16 in hardware (Intel AMX)."""
    try:
        return "amx_bf16" in cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def compute_dtype(*, reference: bool, device: str = "cpu") -> torch.dtype:
    """Return the type to compute in.

    float32 in reference mode, whose results are the same on every machine; otherwise float16 on an accelerator, and on
    a processor bfloat16 where it is faster than float32.
    """
    import torch

    if reference:
        return torch.float32
    if device != "cpu":
        return torch.float16
    return torch.bfloat16 if has_bfloat16_tiles() else torch.float32
