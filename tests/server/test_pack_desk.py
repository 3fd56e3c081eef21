import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from inhouse.errors import WorkerLostError
from inhouse.server.pack_desk import PackDesk
from inhouse.workers.base import Description, PackDescription
from inhouse.workers.pool import Pool


class FakeWorker:
    """Answers what it is told to."""

    def __init__(self, name: str, *, ready: bool = True, answer: Any = None) -> None:
        self.name = name
        self.ready = ready
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def ask(self, question: str, **details: Any) -> Any:
        self.asked.append((question, details))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class FakePool:
    """Has some workers."""

    def __init__(self, *workers: FakeWorker) -> None:
        self.workers = workers


def opened(*workers: FakeWorker) -> PackDesk:
    desk = PackDesk()
    desk.open(cast("Pool", FakePool(*workers)))
    return desk


def test_the_first_worker_that_is_ready_is_asked_from_any_thread() -> None:
    async def run() -> Any:
        desk = opened(gone, there)
        return await asyncio.to_thread(desk.check, "Node", {"n": 1})

    gone, there = FakeWorker("a", ready=False), FakeWorker("b", answer="too much")
    assert asyncio.run(run()) == "too much"
    assert there.asked == [("check", {"node": "Node", "inputs": {"n": 1}})]


def test_packs_are_described_anew() -> None:
    pack = PackDescription("one", {"A": {}})

    async def run(answer: Any) -> Any:
        return await asyncio.to_thread(opened(FakeWorker("a", answer=answer)).renew)

    assert list(asyncio.run(run(Description(1, packs=[pack])))) == [pack]
    assert asyncio.run(run({"packs": [{"name": "one", "nodes": {"A": {}}}]})) == [pack]


def test_without_a_worker_that_is_said() -> None:
    with pytest.raises(WorkerLostError, match="no worker to ask"):
        PackDesk().renew()


def test_requests_are_changed_by_packs_that_want_to() -> None:
    async def run(answer: Any, *, wants: bool = True) -> Any:
        worker = FakeWorker("a", answer=answer)
        desk = opened(worker)
        desk.introduce(cast("Any", worker), Description(1, changes_prompts=wants))
        return await desk.changed({"prompt": 1})

    assert asyncio.run(run({"prompt": 2})) == {"prompt": 2}
    assert asyncio.run(run({"prompt": 2}, wants=False)) == {"prompt": 1}
    assert asyncio.run(run(WorkerLostError("It died."))) == {"prompt": 1}


def test_routes_are_served_where_the_worker_is_ready() -> None:
    async def run() -> tuple[Any, Any]:
        worker = FakeWorker("a")
        desk = opened(worker)
        before = desk.served()
        desk.introduce(cast("Any", worker), Description(1, routes=Path("s"), endpoints=[("GET", "/x")]))
        return before, desk.served()

    before, after = asyncio.run(run())
    assert before is None
    assert after[0] == Path("s")
    assert after[1].find("GET", "/x") == "/x"
