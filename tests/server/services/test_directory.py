from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.published import Bench, FakeTargets, call

from inhouse.errors import InternalError, ModelUnsupportedError, OverloadedError, ServiceError, ServiceNotFoundError
from inhouse.server.services.directory import Services
from inhouse.server.services.observing import Reply
from inhouse.storage.publishing import LIVE, Routing, publish_artifact
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Rule, Version

pytestmark = pytest.mark.anyio


class House:
    """A store, targets that are fakes, and the services of both."""

    def __init__(self, folder: Path, budget: int = 1000) -> None:
        self.bench = Bench.at(folder)
        self.store = ServiceStore(folder / "services")
        self.targets = FakeTargets()
        self.draws: list[float] = []
        self.services = Services(self.store, self.targets, budget=budget, chance=lambda: self.draws.pop(0))

    def publish(self, name: str = "minilm", routing: Routing = LIVE) -> int:
        folder = self.bench.folder / "artifact"
        if not folder.exists():
            self.bench.artifact("artifact")
        return publish_artifact(self.store, name, folder, self.bench.trust, Version(0, "artifact"), routing).number

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Services]:
        await self.services.start()
        try:
            yield self.services
        finally:
            await self.services.stop()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_what_is_published_answers(house: House) -> None:
    house.publish()
    async with house.running() as services:
        assert (await services.call(call())).version == 1
        assert services.card("minilm").task == "embeddings"
        assert [service.name for service in services.list()] == ["minilm"]
    assert house.targets.made["minilm", 1].unloads == 1


async def test_what_is_not_there_is_said(house: House) -> None:
    house.publish()
    async with house.running() as services:
        with pytest.raises(ServiceNotFoundError, match="no service 'other'"):
            await services.call(call("other"))
        with pytest.raises(ServiceNotFoundError, match="no version 7"):
            await services.call(call(version=7))
        with pytest.raises(ServiceNotFoundError):
            services.card("other")


async def test_a_version_that_becomes_live_is_loaded_before_it_gets_calls(house: House) -> None:
    house.publish()
    held, begun = asyncio.Event(), asyncio.Event()
    house.targets.prepare("minilm", 2, loading=held, begun=begun)
    async with house.running() as services:
        await services.call(call())
        house.publish()
        refreshed = asyncio.create_task(services.refresh("minilm"))
        await begun.wait()
        assert (await services.call(call())).version == 1
        held.set()
        await refreshed
        assert (await services.call(call())).version == 2


async def test_a_call_ends_on_the_version_that_it_began_on(house: House) -> None:
    house.publish()
    async with house.running() as services:
        await services.call(call())
        first = house.targets.made["minilm", 1]
        first.gate.clear()
        waiting = asyncio.create_task(services.call(call()))
        await asyncio.sleep(0)
        house.publish()
        await services.refresh("minilm")
        house.publish()
        await services.refresh("minilm")
        house.store.remove("minilm", 1)
        await services.refresh("minilm")
        first.gate.set()
        assert (await waiting).version == 1
    assert first.state == "unloaded"


async def test_a_version_that_cannot_be_loaded_leaves_the_one_before_live_and_says_why(house: House) -> None:
    house.publish()
    house.targets.prepare("minilm", 2, refusal=ModelUnsupportedError("It has odd operators."))
    async with house.running() as services:
        await services.call(call())
        house.publish()
        await services.refresh("minilm")
        assert (await services.call(call())).version == 1
        assert services.route("minilm").problems == {2: "It has odd operators."}


async def test_a_canary_gets_its_share_by_chance(house: House) -> None:
    house.publish()
    house.publish(routing=Routing("canary", 0.25))
    async with house.running() as services:
        house.draws += [0.24, 0.25, 0.9]
        assert [(await services.call(call())).version for _ in range(3)] == [2, 1, 1]
        assert (await services.call(call(version=1))).version == 1


async def test_who_got_the_canary_once_always_gets_it(house: House) -> None:
    house.publish()
    house.publish(routing=Routing("canary", 0.25))
    async with house.running() as services:
        names = [f"user {number}" for number in range(400)]
        got = {name for name in names if (await services.call(call(sticky=name))).version == 2}
        assert 60 < len(got) < 140
        house.store.change("minilm", lambda service: replace(service, share=0.5))
        await services.refresh("minilm")
        later = {name for name in names if (await services.call(call(sticky=name))).version == 2}
        assert got < later


class Listener:
    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.pairs: list[tuple[Reply, Reply]] = []

    def replied(self, _call: object, reply: Reply) -> None:
        self.replies.append(reply)

    def compared(self, _call: object, reply: Reply, copy: Reply) -> None:
        self.pairs.append((reply, copy))


async def test_a_shadow_that_hangs_or_fails_is_not_noticed_by_callers(house: House) -> None:
    house.publish()
    house.publish(routing=Routing("shadow"))
    async with house.running() as services:
        listener = Listener()
        services.observers.append(listener)
        await services.call(call())
        shadow = house.targets.made["minilm", 2]
        shadow.gate.clear()
        shadow.error = RuntimeError("broken")
        answers = [await services.call(call()) for _ in range(100)]
        assert {answer.version for answer in answers} == {1}
        shadow.gate.set()
    assert len(listener.replies) == 101
    failed = [copy for _, copy in listener.pairs if isinstance(copy.error, InternalError)]
    assert {reply.part for reply, _ in listener.pairs} == {"live"}
    assert {copy.part for copy in failed} == {"shadow"}
    slot_counts = services.slot  # the services are stopped; what was dropped stands in the counts
    assert slot_counts("minilm", 2).counts.dropped == 101 - slot_counts("minilm", 2).counts.copies > 0


async def test_a_canary_under_a_rule_is_compared_with_the_live_version(house: House) -> None:
    house.publish()
    house.publish(routing=Routing("canary", 1.0))
    house.store.change("minilm", lambda service: replace(service, rule=Rule()))
    async with house.running() as services:
        listener = Listener()
        services.observers.append(listener)
        house.draws.append(0.5)
        await services.call(call())
    assert [(reply.version, copy.version) for reply, copy in listener.pairs] == [(2, 1)]


async def test_what_becomes_of_calls_is_counted(house: House) -> None:
    house.publish()
    async with house.running() as services:
        await services.call(call(rows=4))
        target = house.targets.made["minilm", 1]
        target.error = OverloadedError("Full.", seconds=2)
        with pytest.raises(OverloadedError):
            await services.call(call())
        target.error = ValueError("a bug")
        with pytest.raises(InternalError, match="log says why"):
            await services.call(call())
        target.gate.clear()
        left = asyncio.create_task(services.call(call()))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait([left])
        counts = services.slot("minilm").counts
        assert (counts.calls, counts.rows, counts.shed, counts.failed, counts.left) == (4, 4, 1, 1, 1)


async def test_a_stream_keeps_its_version_until_it_ends(house: House) -> None:
    house.publish()
    async with house.running() as services, aclosing(services.stream(call())) as pieces:
        assert await anext(pieces) == {"number": 0}
        assert services.slot("minilm").calls == 1
        await pieces.aclose()
        assert services.slot("minilm").calls == 0


async def test_a_version_that_could_not_be_loaded_is_not_tried_again_at_every_call(house: House) -> None:
    house.publish()
    house.targets.prepare("minilm", 1, refusal=ModelUnsupportedError("/secret/place is odd."))
    async with house.running() as services:
        for _ in range(5):
            with pytest.raises(ServiceError, match="log says why"):
                await services.call(call())
        assert house.targets.made["minilm", 1].loads == 1


async def test_a_service_that_is_removed_is_unloaded(house: House) -> None:
    house.publish()
    async with house.running() as services:
        await services.call(call())
        house.store.remove("minilm")
        await services.refresh("minilm")
        with pytest.raises(ServiceNotFoundError):
            await services.call(call())
    assert house.targets.made["minilm", 1].unloads == 1
