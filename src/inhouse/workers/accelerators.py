"""Accelerators: which there are, found without loading any runtime, and how a process is shown only one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_KFD = "sys/class/kfd/kfd/topology/nodes"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device that a worker may have for itself.

    Attributes:
        kind: ``cuda``, ``rocm`` or ``ascend``.
        index: its number among those of its kind, as its driver counts.

    """

    kind: str
    index: str

    def environment(self) -> dict[str, str]:
        """Return the variables that show a process this device only, as its first one.

        Sources: CUDA C++ Programming Guide, "CUDA Environment Variables"; ROCm documentation, "GPU isolation
        techniques"; CANN documentation, ``ASCEND_RT_VISIBLE_DEVICES``.
        """
        return {_VARIABLES[self.kind]: self.index}


_VARIABLES = {"cuda": "CUDA_VISIBLE_DEVICES", "rocm": "HIP_VISIBLE_DEVICES", "ascend": "ASCEND_RT_VISIBLE_DEVICES"}


def accelerators(environment: Mapping[str, str], root: Path = Path("/")) -> list[Accelerator]:
    """Return the devices that this process may use.

    Args:
        environment: what is set of the variables above leaves only the devices that it names.
        root: where ``dev`` and ``sys`` are looked for.

    """
    found = [*_nodes("cuda", root / "dev", "nvidia"), *_rocm(root / _KFD), *_nodes("ascend", root / "dev", "davinci")]
    return [device for kind in _VARIABLES for device in _shown(kind, found, environment)]


def _nodes(kind: str, folder: Path, stem: str) -> Iterator[Accelerator]:
    """Yield a device for each ``/dev/<stem><number>``, as NVIDIA's and Huawei's drivers make them."""
    pattern = re.compile(rf"{stem}(\d+)")
    names = [path.name for path in folder.glob(f"{stem}*")]
    numbers = sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))
    yield from (Accelerator(kind, str(number)) for number in numbers)


def _rocm(nodes: Path) -> Iterator[Accelerator]:
    """Yield a device for each node of AMD's compute driver that has SIMD units; the others are processors."""
    count = 0
    for node in sorted(nodes.glob("*"), key=lambda path: (len(path.name), path.name)):
        try:
            properties = (node / "properties").read_text()
        except OSError:
            continue
        match = re.search(r"^simd_count (\d+)$", properties, re.MULTILINE)
        if match is not None and int(match[1]):
            yield Accelerator("rocm", str(count))
            count += 1


def _shown(kind: str, found: list[Accelerator], environment: Mapping[str, str]) -> list[Accelerator]:
    own = [device for device in found if device.kind == kind]
    named = environment.get(_VARIABLES[kind])
    if named is None or not own:
        return own
    names = [name.strip() for name in named.split(",")]
    usable = names[: names.index("-1")] if "-1" in names else names  # CUDA: what follows an invalid one is not shown
    return [Accelerator(kind, name) for name in usable if name]
