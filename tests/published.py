"""What tests of services share: artifacts to publish, and targets that answer without a model."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncGenerator, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from inhouse.errors import InhouseError, NodeInputError, WorkerLostError
from inhouse.models.artifact import Artifact, Serving, save_artifact
from inhouse.models.receipt import Receipt
from inhouse.models.signature import Field, TensorSpec
from inhouse.models.signing import Signer, Trust
from inhouse.server.services.base import Answer, Call, Card, Target
from inhouse.storage.services import Version
from inhouse.workers.replicas.messages import Batch, Done, Loaded, Outcome, Part, Piece

T = TypeVar("T")

TEXTS = Field("texts", "text")
EMBEDDINGS = Field("embeddings", "tensor", dtype="float32", shape=(3,))


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder in which artifacts are made, and the key that signs them."""

    folder: Path
    signer: Signer

    @classmethod
    def at(cls, folder: Path) -> Bench:
        return cls(folder, Signer.open(folder / "key.pem"))

    @property
    def trust(self) -> Trust:
        return Trust(frozenset({self.signer.public}))

    def artifact(self, name: str = "minilm", *, files: Mapping[str, bytes] | None = None, **changes: Any) -> Path:
        """Return the folder of an artifact, whose model is a few bytes."""
        work, place = self.folder / f".{name}", self.folder / name
        for path, content in {"model.onnx": b"weights", **(files or {})}.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(content)
        artifact = Artifact(
            folder=work,
            name=name,
            task="embeddings",
            serving=Serving("onnxruntime", "model.onnx"),
            inputs=(TensorSpec("input_ids", "int64", ("batch", "tokens")),),
            outputs=(TensorSpec("embeddings", "float32", ("batch", 3)),),
            fields_in=(TEXTS,),
            fields_out=(EMBEDDINGS,),
        )
        receipt = Receipt(name, "2026-11-24T12:00:00+00:00", {}, {}, "onnx", "fp32")
        return save_artifact(replace(artifact, **changes), receipt, self.signer, place).folder


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(eq=False)
class FakeTarget(Target):
    """Answers with what it is told to, when it is told to."""

    service: str
    version: Version
    folder: Path
    card: Card = field(default_factory=lambda: Card((TEXTS,), (EMBEDDINGS,), "embeddings", max_batch=8))
    size: int = 10
    error: Exception | None = None
    refusal: Exception | None = None
    answers: bytes = b""
    loads: int = 0
    unloads: int = 0
    inside: int = 0
    calls: list[Call] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=_open)
    loading: asyncio.Event = field(default_factory=_open)
    idle: asyncio.Event = field(default_factory=_open)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def load(self) -> None:
        self.loads += 1
        self.state = "loading"
        self.begun.set()
        await self.loading.wait()
        if self.refusal is not None:
            self.state = "failed"
            raise self.refusal
        self.state = "ready"

    async def unload(self) -> None:
        self.unloads += 1
        await self.idle.wait()
        self.state = "unloaded"

    async def call(self, call: Call) -> Answer:
        assert self.state == "ready"
        self.calls.append(call)
        self.inside += 1
        self.idle.clear()
        try:
            await self.gate.wait()
        finally:
            self.inside -= 1
            if not self.inside:
                self.idle.set()
        assert self.state == "ready"
        if self.error is not None:
            raise self.error
        content = self.answers or str(self.version.number).encode()
        return Answer({"embeddings": content}, self.version.number)

    async def stream(self, call: Call) -> AsyncGenerator[Mapping[str, Any], None]:
        self.calls.append(call)
        for number in range(3):
            await self.gate.wait()
            yield {"number": number}

    @property
    def wanted(self) -> int:
        return self.size

    @property
    def nbytes(self) -> int:
        return self.size if self.state == "ready" else 0


@dataclass
class FakeTargets:
    """Makes fake targets, and keeps them."""

    made: dict[tuple[str, int], FakeTarget] = field(default_factory=dict)
    prepared: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def __call__(self, service: str, version: Version, folder: Path) -> FakeTarget:
        key = service, version.number
        target = self.made[key] = FakeTarget(service, version, folder, **self.prepared.get(key, {}))
        return target

    def prepare(self, service: str, number: int, **traits: Any) -> None:
        self.prepared[service, number] = traits


@dataclass(eq=False)
class FakeProcess:
    """A replica that computes when a test says so; ``answering`` ones at once."""

    pid: int
    answering: bool = False
    refusal: InhouseError | None = None
    batches: list[Batch] = field(default_factory=list)
    open: dict[int, asyncio.Future[Done]] = field(default_factory=dict)
    ended: asyncio.Future[str] = field(init=False)
    closed: bool = False
    halted: int = 0

    async def start(self) -> Loaded:
        self.ended = asyncio.get_running_loop().create_future()
        if self.refusal is not None:
            raise self.refusal
        return Loaded(self.pid, 1_000_000, 0.1)

    async def run(self, batch: Batch) -> Done:
        self.batches.append(batch)
        if self.answering:
            return _done(batch, 0.001)
        self.open[batch.id] = asyncio.get_running_loop().create_future()
        return await self.open[batch.id]

    async def stream(self, batch: Batch) -> AsyncGenerator[Piece, None]:
        self.batches.append(batch)
        try:
            for number in range(3):
                yield Piece(batch.id, {"number": number}, last=number == 2)
        finally:
            self.halted += 1

    async def close(self, grace: float) -> None:  # noqa: ARG002 - the port's
        self.closed = True
        self.die("closed")

    def finish(self, seconds: float = 0.01) -> None:
        """Let the oldest batch be done."""
        number = next(iter(self.open))
        batch = next(batch for batch in self.batches if batch.id == number)
        self.open.pop(number).set_result(_done(batch, seconds))

    def die(self, how: str = "killed by signal 9") -> None:
        if not self.ended.done():
            self.ended.set_result(how)
        for waiting in self.open.values():
            waiting.set_exception(WorkerLostError("It died."))
        self.open.clear()

    @property
    def rows(self) -> list[int]:
        """How many rows each batch had that it was given."""
        return [sum(part.rows for part in batch.parts) for batch in self.batches]


def _done(batch: Batch, seconds: float) -> Done:
    def outcome(part: Part) -> Outcome:
        if part.inputs["texts"] == ["odd"]:
            return Outcome(part.id, error=NodeInputError("That is odd.").as_dict())
        return Outcome(part.id, {"embeddings": str(part.inputs["texts"]).encode()})

    return Done(batch.id, [outcome(part) for part in batch.parts], seconds)


@dataclass
class FakeProcesses:
    """Makes fake replicas, and keeps them."""

    answering: bool = False
    refusals: list[InhouseError | None] = field(default_factory=list)
    made: list[FakeProcess] = field(default_factory=list)

    def __call__(self, *_: object) -> FakeProcess:
        refusal = self.refusals.pop(0) if self.refusals else None
        self.made.append(FakeProcess(len(self.made) + 1, self.answering, refusal))
        return self.made[-1]


class _Hurry(selectors.DefaultSelector):
    """Never waits: where a loop would, its clock goes on instead."""

    clock = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        self.clock += max(timeout, 0.0)
        return super().select(0)


class _HurriedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.hurry = _Hurry()
        super().__init__(self.hurry)

    def time(self) -> float:
        return self.hurry.clock


def hurried(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on a loop whose clock jumps to the next timer as soon as nothing else is to do."""
    with asyncio.Runner(loop_factory=_HurriedLoop) as runner:
        return runner.run(work)


async def settle() -> None:
    """Let everything happen that can happen without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


def call(service: str = "minilm", **traits: Any) -> Call:
    """Return a call of one row."""
    return Call(**{"service": service, "user": "ann", "rows": 1, "inputs": {"texts": ["hello"]}, **traits})


def vectors(bench: Bench, name: str = "vectors", **changes: Any) -> Path:
    """Return an artifact that needs no model: its service brings rows of three numbers to length 1."""
    nodes = {
        "1": {"class_type": "ServiceInput", "inputs": {"name": "vectors", "kind": "tensor"}},
        "2": {"class_type": "NormalizeVectors", "inputs": {"tensor": ["1", 0]}},
        "3": {"class_type": "ServiceOutput", "inputs": {"value": ["2", 0], "name": "unit"}},
    }
    fields = {
        "fields_in": (Field("vectors", "tensor", dtype="float32", shape=(3,)),),
        "fields_out": (Field("unit", "tensor", dtype="float32", shape=(3,)),),
    }
    return bench.artifact(name, **{"task": "tensors", "pipeline": nodes, **fields, **changes})
