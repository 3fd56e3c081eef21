"""What the benchmarks share: running a command and measuring it, and keeping the last figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
INHOUSE = (sys.executable, "-m", "inhouse")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command did.

    Attributes:
        status: its exit code.
        seconds: from its start to its end.
        cpu_seconds: that all its threads computed.
        peak_bytes: the most memory it had resident.
        output: what it printed on standard output.
        errors: what it printed on standard error.

    """

    status: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str
    errors: str


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end and measure it."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, cwd=ROOT, env={**os.environ, **(environment or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        return Measured(
            status=process.returncode,
            seconds=seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_bytes=usage.ru_maxrss * 1024,
            output=output.read(),
            errors=errors.read(),
        )


def keep(name: str, figures: Mapping[str, Any]) -> None:
    """Write the last figures of a benchmark beside it."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


def verdict(what: str, value: float, limit: float, unit: str) -> bool:
    """Print a figure with its ratio to the limit, and return whether it is within."""
    print(f"{what:<52} {value:10.3f} {unit:<8} limit {limit:10.3f}   ratio {value / limit:5.2f}")
    return value <= limit
