"""Eight runs at once through one worker's engine, against the same eight one after another.

python -m benchmarks.shared_steps

Both ways are taken in turn in one process, several times, so that whatever else the machine does meets both. The
workflow is the default one, with a seed of its own for each run; its text is in the cache for both. Reported are
pictures a second and their ratio, round by round, and how many samples the network was called for at once.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.measure import keep

from inhouse.backends.batching import Batches
from inhouse.backends.sharing import SharedSteps
from inhouse.cli.source import load_workflow
from inhouse.engine.engine import Engine
from inhouse.engine.workflow import Workflow
from inhouse.workers.session import Places, Session, open_session

R = TypeVar("R")

RUNS = 8
ROUNDS = 5
LEAST = 1.5
"""The ratio of throughput that is wanted."""


class Counted(Batches):
    """Notes how many samples each call was for."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def run(self, count: int, call: Callable[[slice], R], key: Hashable, **how: Any) -> list[R]:
        """See `Batches.run`."""
        self.sizes.append(count)
        return super().run(count, call, key, **how)


def seeded(flow: Workflow, seed: int) -> Workflow:
    """Return a workflow with another seed."""
    nodes = {
        node_id: replace(node, inputs={**node.inputs, "seed": seed}) if "seed" in node.inputs else node
        for node_id, node in flow.nodes.items()
    }
    return replace(flow, nodes=nodes)


def picture(engine: Engine, flow: Workflow) -> None:
    """Run a workflow to its end."""
    result = engine.run(flow)
    if result.status != "success":
        raise SystemExit(f"The run failed: {result.failures}")


def one_after_another(engine: Engine, flows: list[Workflow]) -> float:
    """Return pictures a second."""
    started = time.perf_counter()
    for flow in flows:
        picture(engine, flow)
    return len(flows) / (time.perf_counter() - started)


def at_once(engine: Engine, flows: list[Workflow]) -> float:
    """Return pictures a second."""
    threads = [threading.Thread(target=picture, args=(engine, flow)) for flow in flows]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(flows) / (time.perf_counter() - started)


def rounds(session: Session, runs: int, times: int) -> dict[str, Any]:
    """Take both ways in turn, and return their figures."""
    counted, seeds, flow = Counted(), count(), load_workflow(session, "text-to-image")
    services = {**session.engine.services, SharedSteps: SharedSteps(session.engine.turn, counted)}
    alone: list[float] = []
    shared: list[float] = []
    with Engine(session.registry, services=services, turn=session.engine.turn) as engine:
        at_once(engine, [seeded(flow, next(seeds)) for _ in range(runs)])
        picture(engine, seeded(flow, next(seeds)))
        counted.sizes.clear()
        for _ in range(times):
            alone.append(one_after_another(engine, [seeded(flow, next(seeds)) for _ in range(runs)]))
            shared.append(at_once(engine, [seeded(flow, next(seeds)) for _ in range(runs)]))
            print(f"{runs} runs: {alone[-1]:7.3f} a second one after another, {shared[-1]:7.3f} at once")
    ratio = statistics.median(two / one for one, two in zip(alone, shared, strict=True))
    merged = [size for size in counted.sizes if size > min(counted.sizes)]
    return {
        "one_after_another_per_second": round(statistics.median(alone), 4),
        "at_once_per_second": round(statistics.median(shared), 4),
        "ratio": round(ratio, 3),
        "samples_a_shared_call": round(statistics.mean(merged), 2) if merged else min(counted.sizes),
    }


def main() -> int:
    """Print the figures; return 1 if the ratio is too small."""
    with tempfile.TemporaryDirectory() as folder:
        places = Places(models=Path(folder), input=Path(folder), output=Path(folder) / "out")
        with open_session(places) as session:
            figures = {f"{runs} runs": rounds(session, runs, ROUNDS) for runs in (2, 4, RUNS)}
    print(f"{'':10}{'one by one':>12}{'at once':>12}{'ratio':>8}{'samples a shared call':>24}")
    for name, each in figures.items():
        row = (each["one_after_another_per_second"], each["at_once_per_second"], each["ratio"])
        print(f"{name:10}{row[0]:12.3f}{row[1]:12.3f}{row[2]:8.2f}{each['samples_a_shared_call']:24.1f}")
    keep("shared_steps", figures)
    return 0 if figures[f"{RUNS} runs"]["ratio"] >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
