"""The machine: Python, memory, devices, and what its processor multiplies fast."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.cli.doctor.check import Check, State
from inhouse.workers.devices import devices, main_memory, versions

if TYPE_CHECKING:
    from inhouse.backends.compute import Compute

GIGA = 10**9
LITTLE = 4 * GIGA
"""Free memory below which a Stable Diffusion 1.5 does not fit."""
_FEATURES = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2", "asimd", "bf16")
"""What of a processor's features computing gains by, as Linux names them on x86 and ARM."""
_CPUINFO = Path("/proc/cpuinfo")


def python() -> Iterator[Check]:
    """Yield the versions of Python, Inhouse and torch."""
    found = versions()
    yield Check("python", f"{platform.python_version()} in {sys.prefix}")
    yield Check("inhouse", found.get("inhouse", "run from its source"))
    if "torch" in found:
        yield Check("torch", found["torch"])
    else:
        advice = "pip install 'inhouse[torch]'"
        yield Check("torch", "not installed; no model can run", State.FAIL, advice)


def hardware(*, with_torch: bool) -> Iterator[Check]:
    """Yield processor, memory and cards; these are only seen with torch."""
    features = [name for name in _FEATURES if name in cpu_flags()]
    yield Check("cpu", f"{os.cpu_count()} cores; {', '.join(features) or 'no feature that computing gains by'}")
    total, free = main_memory()
    state, advice = (State.WARN, "Close other programs, or use smaller models.") if free < LITTLE else (State.OK, "")
    yield Check("memory", f"{free / GIGA:.1f} of {total / GIGA:.1f} GB are free", state, advice)
    if with_torch:
        import torch

        cards = [card for card in devices() if card["type"] != "cpu"] if torch.cuda.is_available() else []
        for card in cards:
            free, total = card["vram_free"] / GIGA, card["vram_total"] / GIGA
            yield Check(
                f"device {card['type']}:{card['index']}", f"{card['name']}; {free:.1f} of {total:.1f} GB are free"
            )


def precision(compute: Compute) -> Check:
    """Return where and in which type models compute, and why."""
    why = {
        ("cpu", "bfloat16"): "the processor multiplies bfloat16 in matrix units (AMX)",
        ("cpu", "float32"): "the processor has no matrix units for bfloat16 (AMX)",
    }.get((compute.device, compute.dtype), "as the settings say, or as the device computes fast in")
    return Check("precision", f"{compute.dtype} on {compute.device}: {why}")


def cpu_flags() -> frozenset[str]:
    """Return what features the processor says it has; nothing where the system does not tell."""
    try:
        lines = _CPUINFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(flags, "").split())
