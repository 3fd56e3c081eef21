"""What a model costs to run: the original's figures and the converted model's, from rounds that take turns."""

from __future__ import annotations

import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from inhouse.backends.sessions.base import SessionOptions
from inhouse.models.receipt import Cost
from inhouse.packs.conversion.adversarial import Examiner

if TYPE_CHECKING:
    from inhouse.backends.sessions.base import Feeds
    from inhouse.packs.conversion.model import Draft

    Call: TypeAlias = Callable[[], object]

ROUNDS = (3, 25)
"""At least and at most so many rounds: as many as take about 2 seconds."""
_SECONDS = 2.0


def costs(draft: Draft) -> tuple[Cost, Cost]:
    """Return what the original costs and what the converted model does, at batch 1 on one realistic sample.

    Latency is processor time on processors, which other work on the machine hardly disturbs, with as many threads on
    both sides; on cards it is time on the wall. Each round runs both, in an order that is drawn anew. Memory is what
    loading and one call took of this process; of the original, which is loaded already, it is its weights.
    """
    from inhouse.backends.sessions.registry import open_session

    serving = draft.serving
    options = SessionOptions(serving.device, serving.precision, serving.threads, options=serving.options)
    gc.collect()
    before = _resident()
    session = open_session(serving.runtime, draft.model, options)
    try:
        feeds = _sample(Examiner(draft.source, session.inputs))
        session.run(feeds)
        taken = max(0, _resident() - before)
        clock = time.process_time if serving.device == "cpu" else time.perf_counter
        with _threads(serving.threads):
            original, converted = _latencies(
                lambda: draft.source.answer(feeds),
                lambda: session.run(feeds),
                clock,
                random.Random(0),  # noqa: S311 - an order
            )
    finally:
        session.close()
    disk = sum(path.stat().st_size for path in model_files(draft.model))
    weights = draft.source.nbytes / 1e6
    on_disk = _size(draft.source.path) / 1e6 or weights
    return Cost(original, weights, on_disk), Cost(converted, max(taken, disk) / 1e6, disk / 1e6)


def model_files(model: Path) -> list[Path]:
    """Return the files that a model consists of: its own, and those with its weights beside it.

    Raises:
        PathEscapeError: it says that its weights lie outside of its folder.

    """
    if model.suffix == ".xml":
        return [model, model.with_suffix(".bin")]
    if model.suffix != ".onnx":
        return [model]
    from inhouse.packs.conversion.onnx_safety import data_files, read_graph

    return [model, *data_files(read_graph(model), model)]


def _latencies(
    original: Call, converted: Call, clock: Callable[[], float], order: random.Random
) -> tuple[float, float]:
    """Return medians in milliseconds."""

    def seconds(call: Call) -> float:
        began = clock()
        call()
        return clock() - began

    calls = {"original": original, "converted": converted}
    once = sum(seconds(call) for call in calls.values())  # a first call is never like the others
    rounds = int(min(max(_SECONDS / max(once, 1e-6), ROUNDS[0]), ROUNDS[1]))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name in order.sample(list(calls), len(calls)):
            found[name].append(seconds(calls[name]) * 1000)
    return statistics.median(found["original"]), statistics.median(found["converted"])


def _sample(examiner: Examiner) -> Feeds:
    return next(iter(examiner.realistic())).calls[0]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use as many threads as the session does, while inside."""
    torch = sys.modules.get("torch")
    if torch is None or count == 0:
        yield
        return
    usual = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def _resident() -> int:
    """Return how many bytes this process has in memory; 0 where the system does not tell."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else 0
