"""Canaries and shadows are promoted or taken back by what they answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.published import Bench, FakeTargets, call

from inhouse.errors import ServiceError, ServiceNotFoundError
from inhouse.server.services.directory import Services
from inhouse.server.services.rules import NAME, Migrations, Progress, following, judge
from inhouse.storage.publishing import LIVE, Routing, publish_artifact
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Rule, Version

pytestmark = pytest.mark.anyio
RULE = Rule(calls=4, min_agreement=0.9, steps=(0.5, 1.0))


@dataclass
class House:
    services: Services
    migrations: Migrations
    targets: FakeTargets
    draws: list[float]

    async def ask(self, draw: float) -> None:
        self.draws.append(draw)
        try:
            await self.services.call(call())
        finally:
            await self.services._tasks.settle()
            await self.migrations.settle()

    @property
    def stored(self) -> str:
        service = self.services.store.read("minilm")
        return f"live {service.live}, canary {service.canary} {service.share:g}, shadow {service.shadow}"


@asynccontextmanager
async def opened(folder: Path, role: Routing, rule: Rule | None = RULE, *, same: bool = True) -> AsyncIterator[House]:
    bench, targets, draws = Bench.at(folder), FakeTargets(), list[float]()
    store = ServiceStore(folder / "services")
    artifact = bench.artifact()
    for routing in (LIVE, role):
        publish_artifact(store, "minilm", artifact, bench.trust, Version(0, "artifact"), routing)
    store.change("minilm", lambda service: replace(service, rule=rule))
    services = Services(store, targets, budget=1000, chance=lambda: draws.pop(0) if draws else 0.0)
    migrations = Migrations(services)
    await services.start()
    try:
        for target in targets.made.values():
            target.answers = b"[[1,0,0]]" if same or target.version.number == 1 else b"[[0,1,0]]"
        yield House(services, migrations, targets, draws)
    finally:
        await services.stop()


async def test_a_good_canary_goes_step_by_step_until_it_is_live(tmp_path: Path) -> None:
    async with opened(tmp_path, Routing("canary", 0.05)) as house:
        for _ in range(4):
            await house.ask(0.0)
        assert house.stored == "live 1, canary 2 0.5, shadow None"
        for _ in range(4):
            await house.ask(0.0)
        assert house.stored == "live 2, canary None 0, shadow None"
        told = await house.migrations.status("minilm")
        assert [event["verdict"] for event in told["events"]] == ["advance", "promote"]
        assert (tmp_path / "services" / "minilm" / NAME).exists()


async def test_a_canary_that_answers_differently_is_taken_back(tmp_path: Path) -> None:
    async with opened(tmp_path, Routing("canary", 0.05), same=False) as house:
        for _ in range(4):
            await house.ask(0.0)
        assert house.stored == "live 1, canary None 0, shadow None"
        assert "agree" in (await house.migrations.status("minilm"))["events"][0]["reason"]


async def test_a_canary_that_fails_is_taken_back_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path, Routing("canary", 0.05)) as house:
        house.targets.made["minilm", 2].error = ServiceError("It died.")
        with pytest.raises(ServiceError):
            await house.ask(0.0)
        assert house.stored == "live 1, canary None 0, shadow None"


async def test_a_good_shadow_is_promoted(tmp_path: Path) -> None:
    async with opened(tmp_path, Routing("shadow")) as house:
        for _ in range(4):
            await house.ask(0.9)
        assert house.stored == "live 2, canary None 0, shadow None"


async def test_without_a_rule_it_is_only_shown(tmp_path: Path) -> None:
    async with opened(tmp_path, Routing("shadow"), None) as house:
        for _ in range(6):
            await house.ask(0.9)
        assert house.stored == "live 1, canary None 0, shadow 2"
        told = await house.migrations.status("minilm")
        assert told["candidate"]["calls"] == 6
        assert told["candidate"]["agreement"] == pytest.approx(1)
        with pytest.raises(ServiceNotFoundError):
            await house.migrations.status("nobody")


def test_slowness_is_judged_once_enough_is_known() -> None:
    progress = Progress("canary", 2, 1, 0.05, 0.0, calls=100, compared=100, agreed=100.0)
    progress.seconds.extend([0.4] * 30)
    assert judge(Rule(calls=50), progress)[0] == "advance"
    progress.live_seconds.extend([0.1] * 30)
    assert judge(Rule(calls=50), progress) == (
        "take back",
        "Its p95 is 4.00 times the live version's; 1.50 times may be.",
    )
    assert judge(Rule(calls=200), progress)[0] == "wait"
    assert following(Rule(), 0.3) == 0.5
