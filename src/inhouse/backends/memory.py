"""How much memory a device has left, and the border where a runtime's out-of-memory error becomes ours."""

from __future__ import annotations

import gc
import os
import re
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inhouse.errors import OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "could not create a primitive",  # oneDNN's whole message where its scratch memory is refused
)
_ASKED_FOR = re.compile(r"tried to allocate (?P<number>[\d.]+) ?(?P<unit>bytes|[KMG]iB)", re.IGNORECASE)
_UNITS = {"bytes": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class Memory(Protocol):
    """The memory of a device. All figures are bytes; None where the system does not tell."""

    def free(self) -> int | None:
        """Return how much is left."""

    def mark(self) -> int | None:
        """Return how much this process uses, and begin to watch the most that it uses from here on."""

    def most_since(self, mark: int) -> int:
        """Return how much more than at the mark, the last one taken, was in use at once since."""

    def release(self) -> None:
        """Give what is cached back to the device."""


def memory_of(device: str) -> Memory:
    """Return the memory of a device, named as torch names it."""
    return HostMemory() if device == "cpu" else AcceleratorMemory(device)


class HostMemory:
    """The machine's memory, as far as this process may use it: limits of control groups and of the process count."""

    def free(self) -> int | None:
        """Return what is left of the machine, the control group and the process' own limits; on Linux only."""
        known = [room for room in (_machine(), _process(), _control_group()) if room is not None]
        return max(0, min(known)) if known else None

    def mark(self) -> int | None:
        """See `Memory.mark`; resets the kernel's record of the most that the process had resident."""
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            return None
        return _status("VmRSS")

    def most_since(self, mark: int) -> int:
        """See `Memory.most_since`; what other threads use counts, too."""
        return max(0, (_status("VmHWM") or mark) - mark)

    def release(self) -> None:
        """Free what only cycles of references keep alive; all else goes back at once."""
        gc.collect()


class AcceleratorMemory:
    """The memory of an accelerator.

    Args:
        device: as torch names it.

    """

    def __init__(self, device: str) -> None:
        self._device = device

    def free(self) -> int | None:
        """Return what is left on the device, and what torch keeps of it unused."""
        import torch

        if not self._device.startswith("cuda"):
            return None
        cached = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return torch.cuda.mem_get_info(self._device)[0] + cached

    def mark(self) -> int | None:
        """See `Memory.mark`."""
        import torch

        if not self._device.startswith("cuda"):
            return None
        torch.cuda.reset_peak_memory_stats(self._device)
        return torch.cuda.memory_allocated(self._device)

    def most_since(self, mark: int) -> int:
        """See `Memory.most_since`."""
        import torch

        return max(0, torch.cuda.max_memory_allocated(self._device) - mark)

    def release(self) -> None:
        """Give cached blocks back."""
        import torch

        gc.collect()
        if torch.accelerator.is_available():
            torch.accelerator.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python or of a runtime, of whatever class, says that memory ran out."""
    return isinstance(error, MemoryError | OutOfMemoryError) or any(words in str(error).lower() for words in _WORDS)


@contextmanager
def memory_border(what: str, memory: Memory | None = None) -> Iterator[None]:
    """Raise `OutOfMemoryError` for any out-of-memory error inside.

    Args:
        what: what was being done, as in "decoding 4 latents of 64x64".
        memory: the memory that ran out; the error then says how much was left.

    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        free = None if memory is None else memory.free()
        asked = _asked_for(str(error))
        figures = [f"{said(asked)} more were asked for"] if asked is not None else []
        figures += [f"{said(free)} are free"] if free is not None else []
        detail = f": {' and '.join(figures)}" if figures else ""
        raise OutOfMemoryError(
            f"The memory does not suffice for {what}{detail}.", hint="Use a smaller size."
        ) from error


def said(count: float) -> str:
    """Return a number of bytes as people write it, in powers of 1000."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _asked_for(message: str) -> int | None:
    """Return the bytes that a runtime's message says could not be had."""
    found = _ASKED_FOR.search(message)
    return None if found is None else int(float(found["number"].rstrip(".")) * _UNITS[found["unit"].lower()])


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _figure(path: str, name: str) -> int | None:
    """Return a figure of a file of lines like ``name: 12 kB``."""
    for line in _lines(path):
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return None


def _status(name: str) -> int | None:
    return _figure("/proc/self/status", name)


def _machine() -> int | None:
    return _figure("/proc/meminfo", "MemAvailable")


def _process() -> int | None:
    """Return what is left of the limits that were set on the process."""
    if os.name != "posix":
        return None
    import resource

    pages = [int(word) for line in _lines("/proc/self/statm") for word in line.split()]
    if len(pages) < 6:
        return None
    used = {resource.RLIMIT_AS: pages[0], resource.RLIMIT_DATA: pages[5]}
    limits = {kind: resource.getrlimit(kind)[0] for kind in used}
    left = [
        limit - used[kind] * resource.getpagesize() for kind, limit in limits.items() if limit != resource.RLIM_INFINITY
    ]
    return min(left, default=None)


def _control_group() -> int | None:
    """Return what is left of the limits of the control groups (version 2) that the process is in."""
    left = []
    for folder in _control_groups():
        with suppress(OSError, ValueError):
            limit, used = (int((folder / f"memory.{name}").read_text(encoding="ascii")) for name in ("max", "current"))
            cached = [line for line in _lines(str(folder / "memory.stat")) if line.startswith("inactive_file ")]
            left.append(limit - used + sum(int(line.split()[1]) for line in cached))
    return min(left, default=None)


@lru_cache(maxsize=1)
def _control_groups() -> tuple[Path, ...]:
    """Return the folders of the process' control group and of those around it."""
    root = Path("/sys/fs/cgroup")
    own = next((line[3:].strip("/") for line in _lines("/proc/self/cgroup") if line.startswith("0::")), None)
    if own is None:
        return ()
    folder = root / own
    return (folder, *[parent for parent in folder.parents if parent.is_relative_to(root)])
