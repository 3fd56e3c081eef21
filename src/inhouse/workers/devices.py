"""Devices: what there is to compute on, and how much memory it has; torch is asked only if it is loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

_CGROUP = Path("/sys/fs/cgroup")


def devices() -> list[dict[str, Any]]:
    """Return each device as ComfyUI's ``/system_stats`` does: name, type, index, and memory in bytes.

    Before torch is loaded a graphics card is not known to be there.
    """
    torch: Any = sys.modules.get("torch")
    if torch is not None and getattr(torch, "cuda", None) is not None and torch.cuda.is_available():
        return [_card(torch, index) for index in range(torch.cuda.device_count())]
    total, free = main_memory()
    return [_entry("cpu", "cpu", None, (total, free), (total, free))]


def main_memory() -> tuple[int, int]:
    """Return this machine's memory, all and unused, in bytes; in a container with a limit, that of the container."""
    total, free = _machine_memory()
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return total, free
    return min(total, limit), max(0, min(free, limit - used))


def versions() -> dict[str, str]:
    """Return the versions of what a worker runs on, without loading any of it."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("inhouse", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _machine_memory() -> tuple[int, int]:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        return sizes["MemTotal"], sizes.get("MemAvailable", sizes["MemFree"])
    except (OSError, ValueError, KeyError, IndexError):
        return _by_sysconf()


def _by_sysconf() -> tuple[int, int]:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0, 0
    return pages, pages


def _card(torch: Any, index: int) -> dict[str, Any]:
    free, total = torch.cuda.mem_get_info(index)
    stats = torch.cuda.memory_stats(index)
    reserved = stats.get("reserved_bytes.all.current", 0)
    unused = reserved - stats.get("active_bytes.all.current", 0)
    name = f"cuda:{index} {torch.cuda.get_device_name(index)}"
    return _entry(name, "cuda", index, (total, free + unused), (reserved, unused))


def _entry(name: str, kind: str, index: int | None, memory: tuple[int, int], pooled: tuple[int, int]) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "index": index,
        "vram_total": memory[0],
        "vram_free": memory[1],
        "torch_vram_total": pooled[0],
        "torch_vram_free": pooled[1],
    }
