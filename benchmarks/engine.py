"""What the engine itself costs: ``python benchmarks/engine.py`` prints microseconds a node, beside their limits.

Times are of the processor, the best of several runs, so that a busy machine disturbs them little. Each run of a cached
workflow gets a workflow built afresh, as a client would send it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import keep

from inhouse import Context, Engine, Link, Registry, Result, Workflow, WorkflowNode, node

COLD, CACHED = 30.0, 5.0
"""Limits, in microseconds a node."""


@node("Number")
def number(*, value: int) -> int:
    """Give a number."""
    return value


@node("Add")
def add(*, a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@node("AddLater")
async def add_later(*, a: int, b: int) -> int:
    """Add two numbers on the event loop."""
    return a + b


@node("Show", output_node=True)
def show(*, value: int) -> Result:
    """Show a number."""
    return Result(ui={"value": [value]})


@node("Loop")
def loop(*, count: int, value: int, context: Context) -> Any:
    """Add one, and go on in an expansion."""
    if count == 0:
        return value
    body, rest = context.graph_prefix + "a", context.graph_prefix + "l"
    made = {
        body: WorkflowNode("Add", {"a": value, "b": 1}),
        rest: WorkflowNode("Loop", {"count": count - 1, "value": Link(body, 0)}),
    }
    return Result((Link(rest, 0),), expand=made)


NODES = (number, add, add_later, show, loop)


def chain(size: int, kind: str = "Add") -> Workflow:
    """Return a chain of nodes, each of which needs the one before."""
    nodes = {"0": WorkflowNode("Number", {"value": 1})}
    for i in range(1, size - 1):
        nodes[str(i)] = WorkflowNode(kind, {"a": Link(str(i - 1), 0), "b": 1})
    nodes["out"] = WorkflowNode("Show", {"value": Link(str(size - 2), 0)})
    return Workflow(nodes)


def fan(size: int) -> Workflow:
    """Return a number that many outputs show."""
    nodes = {"src": WorkflowNode("Number", {"value": 1})}
    nodes |= {str(i): WorkflowNode("Show", {"value": Link("src", 0)}) for i in range(size - 1)}
    return Workflow(nodes)


def rounds(size: int) -> Workflow:
    """Return a loop that makes that many nodes as it goes."""
    looping = WorkflowNode("Loop", {"count": size // 2, "value": 0})
    return Workflow({"loop": looping, "out": WorkflowNode("Show", {"value": Link("loop", 0)})})


@dataclass(frozen=True, slots=True)
class Figure:
    """Microseconds a node, of the processor and of the clock."""

    processor: float
    clock: float


def measure(prepare: Callable[[], Callable[[], object]], size: int, times: int) -> Figure:
    """Return the best of several runs of what ``prepare`` returns."""
    best = Figure(float("inf"), float("inf"))
    for _ in range(times):
        work = prepare()
        gc.collect()
        processor, clock = time.process_time(), time.perf_counter()
        work()
        spent = (time.process_time() - processor) / size * 1e6, (time.perf_counter() - clock) / size * 1e6
        best = Figure(min(best.processor, spent[0]), min(best.clock, spent[1]))
    return best


def cold(flow: Workflow) -> Callable[[], Callable[[], object]]:
    """Prepare runs in which every node runs."""

    def prepare() -> Callable[[], object]:
        engine = Engine(Registry(NODES))

        def work() -> None:
            with engine:
                if engine.run(flow).status != "success":
                    raise SystemExit("The run failed.")

        return work

    return prepare


def cached(build: Callable[[], Workflow]) -> Callable[[], Callable[[], object]]:
    """Prepare runs in which no node runs."""
    engine = Engine(Registry(NODES))
    engine.run(build())

    def prepare() -> Callable[[], object]:
        flow = build()
        return lambda: engine.run(flow)

    return prepare


def tell(kept: dict[str, float], name: str, size: int, figure: Figure, limit: float | None = None) -> None:
    """Print one line, and keep its figure."""
    ratio = f"{figure.processor / limit:6.0%} of {limit:g}" if limit else ""
    print(f"{name:34} {size:>7,} nodes {figure.processor:8.2f} us {figure.clock:8.2f} us by the clock {ratio}")
    kept[f"{name}, {size} nodes (us a node)"] = round(figure.processor, 2)


def main() -> None:
    """Print all figures."""
    kept: dict[str, float] = {}
    for size in (500, 2_000, 20_000):
        times = 5 if size > 10_000 else 20
        tell(kept, "chain, every node runs", size, measure(cold(chain(size)), size, times), COLD)
        warm = measure(cached(lambda n=size: chain(n)), size, times)  # type: ignore[misc] # bound now
        tell(kept, "chain, all cached", size, warm, CACHED)
    tell(kept, "fan, every node runs", 20_000, measure(cold(fan(20_000)), 20_000, 3), COLD)
    tell(kept, "fan, all cached", 20_000, measure(cached(lambda: fan(20_000)), 20_000, 3))
    tell(kept, "chain of asynchronous nodes", 2_000, measure(cold(chain(2_000, "AddLater")), 2_000, 5))
    tell(kept, "loop by expansion", 10_000, measure(cold(rounds(10_000)), 10_000, 3))
    keep("engine", kept)


if __name__ == "__main__":
    main()
