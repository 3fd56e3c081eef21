"""The machine: its memory, and what runs on it, as ``/system_stats`` shows it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from inhouse import __version__

COMFYUI_VERSION = "0.3.64"
"""The version of ComfyUI whose API this is."""

_NO_VENDOR = "--disable-api-nodes"
"""How canvases know a server that calls nobody: with it, they do not ask their vendor for releases either."""


def system_stats(devices: Sequence[Mapping[str, Any]], versions: Mapping[str, str]) -> dict[str, Any]:
    """Return what ``/system_stats`` answers.

    Args:
        devices: the workers' devices, as ``workers.base.Description`` has them.
        versions: of what the workers run on, such as ``torch``.

    """
    total, free = memory()
    frontend = _installed("comfyui-frontend-package")
    templates = _installed("comfyui-workflow-templates")
    return {
        "system": {
            "os": os.name,
            "ram_total": total,
            "ram_free": free,
            "comfyui_version": COMFYUI_VERSION,
            "inhouse_version": __version__,
            "required_frontend_version": frontend,
            "installed_templates_version": templates,
            "required_templates_version": templates,
            "python_version": sys.version,
            "pytorch_version": versions.get("torch", ""),
            "embedded_python": False,
            "argv": ["inhouse", "up", _NO_VENDOR],
        },
        "devices": [dict(device) for device in devices],
    }


def memory() -> tuple[int, int]:
    """Return how many bytes of memory the machine has, and how many are to be had; 0 where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        return found["MemTotal"], found["MemAvailable"]
    except (OSError, LookupError, ValueError):
        return _memory_by_sysconf()


def _memory_by_sysconf() -> tuple[int, int]:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total = page * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0, 0
    return total, page * os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
