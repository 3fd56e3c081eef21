"""Energy: what the machine took, where it says so: RAPL on Intel and AMD, NVML on NVIDIA's cards."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
_MICRO, _MILLI = 1e-6, 1e-3


@dataclass(frozen=True, slots=True)
class _Zone:
    """A processor package of Linux's powercap interface: a counter of microjoules that begins anew at its end."""

    counter: Path
    span: int

    def read(self) -> int:
        return int(self.counter.read_text())


@dataclass(slots=True)
class EnergyMeter:
    """Adds up the joules that processors and cards took, of the whole machine, idle parts included.

    Attributes:
        powercap: Linux's folder of zones (Documentation/power/powercap in the kernel's tree).
        source: where joules come from, or why there are none.

    """

    powercap: Path = POWERCAP
    source: str = field(default="", init=False)
    _zones: list[_Zone] = field(default_factory=list, init=False)
    _cards: list[Any] = field(default_factory=list, init=False)
    _last: list[int] = field(default_factory=list, init=False)
    _joules: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        refused = self._find_zones()
        self._cards = _cards()
        names = [f"RAPL ({len(self._zones)} packages)"] * bool(self._zones)
        names += [f"NVML ({len(self._cards)} cards)"] * bool(self._cards)
        self.source = " and ".join(names) or (
            "not readable: RAPL's counters are for root here"
            if refused
            else "not readable: this machine offers neither RAPL nor NVML"
        )
        if self:
            self._last = self._counters()

    def __bool__(self) -> bool:
        return bool(self._zones or self._cards)

    def read(self) -> float | None:
        """Return joules since the meter was made; None where nothing can be read.

        Between two readings a counter may begin anew once, which at 200 W takes more than 20 minutes.
        """
        if not self:
            return None
        now = self._counters()
        spans = [zone.span for zone in self._zones]
        for number, (before, after) in enumerate(zip(self._last, now, strict=True)):
            if number < len(spans):
                moved = after - before if after >= before else after - before + spans[number]
                self._joules += moved * _MICRO
            else:
                self._joules += max(0, after - before) * _MILLI
        self._last = now
        return self._joules

    def _find_zones(self) -> bool:
        """Look for packages; return whether there are some that we may not read."""
        refused = False
        for folder in sorted(self.powercap.glob("intel-rapl:*")):
            if folder.name.count(":") > 1:  # a part of a package, which the package counts already
                continue
            try:
                zone = _Zone(folder / "energy_uj", int((folder / "max_energy_range_uj").read_text()))
                zone.read()
            except PermissionError:
                refused = True
            except (OSError, ValueError):
                continue
            else:
                self._zones.append(zone)
        return refused

    def _counters(self) -> list[int]:
        import contextlib

        found = [zone.read() for zone in self._zones]
        if self._cards:
            import pynvml

            for card in self._cards:
                count = 0
                with contextlib.suppress(pynvml.NVMLError):
                    count = int(pynvml.nvmlDeviceGetTotalEnergyConsumption(card))
                found.append(count)
        return found


def _cards() -> list[Any]:
    """Return handles of the cards that count their energy: those since Volta."""
    if find_spec("pynvml") is None:
        return []
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        for handle in handles:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return []
    return handles
