"""A model, and subjects that take as long as they are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inhouse.errors import NodeExecutionError
from inhouse.packs.benchmark.energy import EnergyMeter
from inhouse.packs.benchmark.model import Load, Slice, Variant
from inhouse.packs.benchmark.rounds import Bench
from inhouse.packs.benchmark.subject import Subject


class Clock:
    """Stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Scripted(Subject):
    """Takes ``seconds(n)`` for its n-th call, on a clock that only it moves."""

    def __init__(self, name: str, clock: Clock, seconds: Callable[[int], float], answer: float = 1.0) -> None:
        self.variant = Variant(name, "model", name, {"precision": "fp32", "threads": 1})
        self.clock, self.seconds, self.answer = clock, seconds, answer
        self.calls = 0
        self.failing: Callable[[int], bool] = lambda _: False
        self.dies_at = -1
        self.closed = False

    def open(self) -> None:
        self.variant.memory = {"grown": 5_000_000, "peak": 9_000_000}

    def measure(self, load: Load, seconds: float, most: int) -> Slice:
        found, begun = Slice(), self.clock()
        for _ in range(most):
            took = self.seconds(self.calls)
            self.calls += 1
            if self.calls == self.dies_at:
                message = "It crashed."
                raise NodeExecutionError(message)
            self.clock.now += took
            if self.failing(self.calls):
                found.errors["500"] = found.errors.get("500", 0) + 1
            else:
                found.latencies.append(took)
            if self.clock() - begun >= seconds:
                break
        found.wall = found.cpu = self.clock() - begun
        found.parts = {"a": found.wall * 0.75, "b": found.wall * 0.25} if load.batch == 1 else {}
        return found

    def answers(self) -> dict[str, Any]:
        return {"out": np.full((4, 3), self.answer)}

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(clock: Clock, tmp_path: Path) -> Callable[..., Bench]:
    """Return what makes a bench on that clock."""

    def make(*subjects: Subject, loads: tuple[Load, ...] = (Load(),), seconds: float = 10.0, **more: Any) -> Bench:
        return Bench(
            subjects,
            {"model": loads},
            seconds,
            clock=clock,
            meter=EnergyMeter(tmp_path),
            describe=lambda: {"processor": "Pentium", "cores": 1, "memory_bytes": 10**9, "libraries": {"numpy": "2"}},
            **more,
        )

    return make


@pytest.fixture(scope="session")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an ONNX file: 16 numbers a row in, 4 out."""
    from onnx import TensorProto, helper, save

    weights = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)
    constant = helper.make_tensor("w", TensorProto.FLOAT, (16, 4), weights.tobytes(), raw=True)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("batch", 16))
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("batch", 4))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "linear", [given], [made], [constant])
    path = tmp_path_factory.mktemp("models") / "linear.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path
