"""Compute: on which device and in which precision models run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.backends.attention import AttentionName
from inhouse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTO = "auto"

PRECISIONS = (AUTO, "float32", "bfloat16", "float16")
"""What a denoiser may compute in; ``auto`` is the fastest of them that the device computes well in."""

_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/davinci_manager")
"""What the drivers of NVIDIA, AMD and Ascend cards show; torch is loaded to ask for more only where there is one."""

SHORT_NAMES: Mapping[str, str] = MappingProxyType({"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"})
"""What ComfyUI calls precisions."""


@dataclass(frozen=True, slots=True)
class Compute:
    """On which device and in which precision models run.

    Attributes:
        device: a torch device, such as ``cpu`` or ``cuda:0``.
        dtype: name of the torch type that denoisers compute in: ``float32``, ``bfloat16`` or ``float16``.
        reference: float32 and deterministic algorithms, to compare results across machines.
        attention: an implementation of `inhouse.backends.attention` by name; ``auto`` is the one that suits the device.

    """

    device: str = "cpu"
    dtype: str = "float32"
    reference: bool = False
    attention: AttentionName = "auto"

    @classmethod
    def for_reference(cls) -> Compute:
        """Return float32 on the CPU with deterministic algorithms."""
        return cls(reference=True)

    @classmethod
    def detect(cls, device: str = AUTO, precision: str = AUTO) -> Compute:
        """Return the best there is here, or what was asked for; imports torch only where a graphics card may be.

        Args:
            device: as torch calls it; ``auto`` for a card where there is one.
            precision: one of `PRECISIONS`.

        Raises:
            UsageError: there is no such precision, or no such device here.

        """
        if precision not in PRECISIONS:
            raise UsageError(f"There is no precision {precision!r}.", hint=f"There are: {', '.join(PRECISIONS)}.")
        found = _best() if device == AUTO else _present(device)
        return cls(found, _fastest(found) if precision == AUTO else precision)


def _best() -> str:
    """Return the first card that torch can use, else ``cpu``."""
    if not any(Path(path).exists() for path in _DRIVERS):
        return "cpu"
    kind = _accelerator()
    return f"{kind}:0" if kind else "cpu"


def _accelerator() -> str | None:
    """Return what torch calls the accelerator that it can use here: ``cuda`` (AMD's too), ``npu``, ``xpu``, ``mps``."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    return None if found is None else found.type


def _present(device: str) -> str:
    """Return a device that somebody asked for, with its number; an error if it is not here."""
    kind, _, number = device.partition(":")
    if kind == "cpu" and not number:
        return device
    here = _accelerator()
    if kind == here and (not number or number.isdecimal()):
        import torch

        count = torch.accelerator.device_count()
        if int(number or 0) < count:
            return f"{kind}:{number or 0}"
        here = ", ".join(f"{kind}:{index}" for index in range(count))
    raise UsageError(f"There is no device {device!r} here.", hint=f"There is: cpu{f', {here}' if here else ''}.")


def _fastest(device: str) -> str:
    """Return the type that a device computes fast in, and as well as diffusion needs."""
    if device == "cpu":
        return "bfloat16" if _cpu_multiplies_bfloat16() else "float32"
    import torch

    module: Any = getattr(torch, device.partition(":")[0], None)
    supported = getattr(module, "is_bf16_supported", None)
    return "bfloat16" if supported is not None and supported() else "float16"


def _cpu_multiplies_bfloat16() -> bool:
    """Whether the CPU has matrix units for bfloat16 (Intel AMX), by what Linux says of it."""
    if os.name != "posix":
        return False
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
