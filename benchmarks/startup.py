"""From the start of a process to an answer: import, help, and the first picture of the default workflow.

python -m benchmarks.startup
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence

from benchmarks.measure import INHOUSE, keep, measure, verdict

ROUNDS = 7
"""The best of so many: other work on the machine can only add."""


def best(command: Sequence[str], rounds: int) -> float:
    """Return the shortest time in seconds that a command took."""
    times = []
    for _ in range(rounds):
        ran = measure(command)
        if ran.status:
            raise SystemExit(f"{command} failed: {ran.errors or ran.output}")
        times.append(ran.seconds)
    return min(times)


def main() -> int:
    """Print each figure with its limit; return 1 if one is over."""
    bare = best([sys.executable, "-c", "pass"], ROUNDS)
    imported = best([sys.executable, "-c", "import inhouse"], ROUNDS) - bare
    engine = best([sys.executable, "-c", "import inhouse.engine.engine"], ROUNDS) - bare
    shown = best([*INHOUSE, "--help"], ROUNDS)
    with tempfile.TemporaryDirectory() as out:
        drawn = best([*INHOUSE, "run", "text-to-image", "--out", out, "--json"], 3)
    figures = {
        "import inhouse": (imported, 0.1),
        "import inhouse.engine": (engine, 0.1),
        "inhouse --help": (shown, 0.3),
        "process start to PNG, 20 steps": (drawn, 6.0),
    }
    kept = {name: {"value": value, "limit": limit} for name, (value, limit) in figures.items()}
    keep("startup", kept)
    within = [verdict(name, value, limit, "s") for name, (value, limit) in figures.items()]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
