"""How long a checkpoint takes to load, and how much memory that needs at most, by what its float16 weights become.

    python -m benchmarks.loading [REPEATS]

The UNet of the full golden checkpoint, each case in a process of its own, the file in the page cache. Time is against
reading as many bytes of the file once; the peak is what the process had resident at most beyond what it had before,
against the bytes of the network once it is loaded. Every page of the weights has been touched by then.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks.measure import keep, measure, verdict
from tests.golden.models import FILES, make_models

CASES = ("float16", "bfloat16", "float32", "compact")
"""What the weights are computed in; ``compact``: float32, cast layer by layer when they are used."""

MOST_TIME = 1.2
MOST_MEMORY = 1.15


def read_once(path: Path, count: int) -> float:
    """Return the seconds that it takes to read so many bytes of a file."""
    buffer = bytearray(2**22)
    started = time.perf_counter()
    with path.open("rb", buffering=0) as stream:
        while count > 0 and (read := stream.readinto(buffer)):
            count -= read
    return time.perf_counter() - started


def resident(name: str) -> int:
    """Return a figure of the kernel's about this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def load(path: Path, case: str) -> dict[str, float]:
    """Load the UNet; return what it took."""
    import torch

    from inhouse.backends.residency import Residency
    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.loading import load_diffusion_model

    compact = case == "compact"
    dtype = torch.float32 if compact else getattr(torch, case)
    model = load_diffusion_model(path, Placement(dtype, compact=compact, residency=Residency(budget=2**40)))
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    started = time.perf_counter()
    weights = list(model.network.get().parameters())
    for weight in weights:
        weight.flatten()[::1024].sum()
    seconds = time.perf_counter() - started
    in_file = sum(weight.numel() for weight in weights) * torch.float16.itemsize
    return {
        "seconds": seconds,
        "reading_seconds": statistics.median(read_once(path, in_file) for _ in range(3)),
        "peak_bytes": resident("VmHWM") - before,
        "network_bytes": sum(weight.nbytes for weight in weights),
    }


def measured(case: str, repeats: int) -> dict[str, float]:
    """Return the medians of some processes that load the checkpoint."""
    runs = []
    for _ in range(repeats):
        ran = measure([sys.executable, "-m", "benchmarks.loading", "--one", case, str(FILES["full"])])
        if ran.status:
            raise SystemExit(ran.errors or ran.output)
        runs.append(json.loads(ran.output))
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> int:
    """Print time and peak of each case; return 1 if what nothing was cast for took too long, or any too much memory."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(load(Path(sys.argv[3]), sys.argv[2])))
        return 0
    make_models("full")
    read_once(FILES["full"], FILES["full"].stat().st_size)
    within = True
    kept = {}
    for case in CASES:
        found = kept[case] = measured(case, int(sys.argv[1]) if len(sys.argv) > 1 else 3)
        limit = MOST_TIME * found["reading_seconds"]
        soon = verdict(f"float16 file, {case}: seconds to load", found["seconds"], limit, "s")
        small = verdict("  peak memory", found["peak_bytes"] / 1e9, MOST_MEMORY * found["network_bytes"] / 1e9, "GB")
        within &= small and (soon or case != "float16")
    keep("loading", kept)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
