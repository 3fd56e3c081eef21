"""A model file, run by one runtime in one precision with so many threads, in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inhouse.errors import NodeExecutionError, OutOfMemoryError, WorkerLostError
from inhouse.packs.benchmark.asking import Recipe, serve
from inhouse.packs.benchmark.processes import ProcessTree
from inhouse.packs.benchmark.subject import Subject

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from numpy.typing import NDArray

    from inhouse.packs.benchmark.model import Load, Slice, Variant

PATIENCE = 600.0
"""Seconds until a process that does not answer is taken for stuck."""


class ModelSubject(Subject):
    """Measures a model from outside of the process that runs it.

    Args:
        variant: what is known of it.
        recipe: what its process loads.
        patience: seconds until it is given up.

    """

    def __init__(self, variant: Variant, recipe: Recipe, patience: float = PATIENCE) -> None:
        self.variant = variant
        self._recipe = recipe
        self._patience = patience
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._before = 0

    def open(self) -> None:
        """See `Subject.open`."""
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, self._recipe), daemon=True)
        self._process.start()
        other.close()
        self._ask("touch")
        self._before = self._memory()
        begun = time.perf_counter()
        self._ask("open")
        self.variant.load_seconds = time.perf_counter() - begun
        self.observe()

    def measure(self, load: Load, seconds: float, most: int) -> Slice:
        """See `Subject.measure`."""
        found: Slice = self._ask("measure", load, seconds, most)
        return found

    def answers(self) -> Mapping[str, NDArray[Any]]:
        """See `Subject.answers`."""
        found: Mapping[str, NDArray[Any]] = self._ask("answers")
        return found

    def observe(self) -> None:
        """See `Subject.observe`: how much the process grew since before it loaded the model, and the most it had."""
        now, peak = self._memory(), 0
        with contextlib.suppress(NodeExecutionError):
            peak = int(self._ask("peak"))
        grown = max(0, now - self._before, self.variant.memory.get("grown", 0))
        self.variant.memory = {"grown": grown, "peak": max(now, peak, self.variant.memory.get("peak", 0))}

    def close(self) -> None:
        """See `Subject.close`."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                self._pipe.send(("close", ()))
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.join(5)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process.close()
            self._process = None

    def _ask(self, name: str, *arguments: Any) -> Any:
        if self._pipe is None or self._process is None:
            raise WorkerLostError(f"{self.variant.name} is not running.")
        try:
            self._pipe.send((name, arguments))
            if not self._pipe.poll(self._patience):
                raise WorkerLostError(f"{self.variant.name} has not answered for {self._patience:.0f} s.")
            kind, *rest = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(5)
            code = self._process.exitcode
            raise WorkerLostError(
                f"The process that ran {self.variant.name} died ({code}).", hint="See what it said above."
            ) from error
        if kind == "ok":
            return rest[0]
        code, message = rest
        raise OutOfMemoryError(message) if code == OutOfMemoryError.code else NodeExecutionError(message)

    def _memory(self) -> int:
        return ProcessTree(self._process.pid).memory() if self._process is not None and self._process.pid else 0
