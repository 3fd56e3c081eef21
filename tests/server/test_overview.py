"""What people are shown of the gateway: their own runs, or everybody's for an admin, and the workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from inhouse.engine.events import NodeFinished, NodeProgress, NodesCached, NodeStarted, RunStarted
from inhouse.errors import StorageError, WorkerStartError
from inhouse.server.fair_queue import FairQueue, Waiting
from inhouse.server.identity import Identity
from inhouse.server.live_run import LiveRun
from inhouse.server.overview import Overview
from inhouse.server.services.routing import Route
from inhouse.server.services.slots import Counts, Slot
from inhouse.storage.records import Artifact, Conclusion, RunRecord, RunState, Submission
from inhouse.storage.services import Service, Version

ANN, BOB, ADMIN = Identity("ann"), Identity("bob"), Identity("root", admin=True)
WORKFLOW = '{"1": {"class_type": "A"}, "2": {"class_type": "B"}, "3": {"class_type": "C"}, "4": {"class_type": "D"}}'
CARD = {"name": "card", "type": "cuda", "index": 0, "vram_total": 100, "vram_free": 40, "serial": "secret"}
STATS = {
    "devices": [CARD],
    "cache": {"entries": 2, "bytes": 10, "max_bytes": 20, "hits": 3, "misses": 4},
    "models": {"loaded": 1, "bytes": 9},
}


class Ledger:
    def __init__(self, *records: RunRecord, broken: bool = False) -> None:
        self.records, self.broken = records, broken

    async def history(self, user: str | None, *, limit: int) -> list[RunRecord]:
        if self.broken:
            raise StorageError("The disk is gone.")
        return [record for record in self.records if user in (None, record.submission.user)][-limit:]


def live(name: str, user: str, *, begun: bool = True) -> LiveRun:
    submission = Submission(name, user, 0, WORKFLOW)
    run = LiveRun.begin(Waiting.of(submission, 0), submission)
    run.begun = begun
    return run


def worker(name: str, *, ready: bool = True, running: str = "") -> Any:
    return SimpleNamespace(name=name, ready=ready, running={running: None} if running else {})


def overview(*, runs: tuple[LiveRun, ...] = (), ledger: Ledger | None = None, **given: Any) -> Overview:
    queue: FairQueue = given.pop("queue", FairQueue())
    routes: dict[str, Route] = given.pop("routes", {})
    pool: Any = SimpleNamespace(
        **{"workers": (), "descriptions": {}, "problems": {}, "restarts": Counter(w1=2, w3=1), **given}
    )
    found: Any = ledger or Ledger()

    def held(user: str | None = None) -> Iterator[LiveRun]:
        return (run for run in runs if user in (None, run.submission.user))

    dispatcher: Any = SimpleNamespace(held=held, live=lambda user: (run for run in held(user) if run.begun))
    return Overview(found, queue, dispatcher, pool, {"w1": STATS}, routes)


def seen(shown: Overview, caller: Identity) -> dict[str, Any]:
    return asyncio.run(shown.of(caller))


def test_a_running_run_tells_how_far_each_node_is() -> None:
    run = live("r", "ann")
    told = (
        RunStarted("r"),
        NodesCached(("1",)),
        NodeStarted("2", "2"),
        NodeFinished("2", "2", None, 0.1),
        NodeStarted("3", "3"),
        NodeProgress("3", "3", 5, 20),
    )
    for event in told:
        run.narrator.hear(event)
    [shown] = seen(overview(runs=(run,)), ANN)["running"]
    assert (shown["id"], shown["user"], shown["cancelled"]) == ("r", "ann", False)
    assert (shown["done"], shown["nodes"]) == (2, 4)
    assert shown["at"] == [{"id": "3", "type": "C", "value": 5, "max": 20}]
    assert shown["started"] == run.started


def test_each_sees_their_own_runs_and_an_admin_sees_all() -> None:
    queue = FairQueue()
    for number, user in enumerate(("ann", "bob", "bob")):
        queue.push(Waiting.of(Submission(f"{user}{number}", user, number, "{}"), number))
    ended = [RunRecord(1, Submission(f"old-{user}", user, 0, "{}"), RunState.ERROR) for user in ("ann", "bob")]
    shown = overview(runs=(live("a", "ann"), live("b", "bob")), ledger=Ledger(*ended), queue=queue)

    def ids(caller: Identity) -> list[list[str]]:
        told = seen(shown, caller)
        return [[run["id"] for run in told[part]] for part in ("running", "waiting", "ended")]

    assert ids(ANN) == [["a"], ["ann0"], ["old-ann"]]
    assert ids(BOB) == [["b"], ["bob1", "bob2"], ["old-bob"]]
    assert ids(ADMIN) == [["a", "b"], ["ann0", "bob1", "bob2"], ["old-bob", "old-ann"]]
    assert [run["place"] for run in seen(shown, BOB)["waiting"]] == [2, 3]
    assert [seen(shown, caller)["waiting_count"] for caller in (ANN, BOB, ADMIN)] == [1, 2, 3]


def test_an_ended_run_tells_how_it_ended_and_how_long_it_took() -> None:
    end = Conclusion("r", RunState.SUCCESS, 9.0, artifacts=(Artifact("1", "output", "", "a.png"),))
    record = RunRecord(1, Submission("r", "ann", 0, "{}", created=1.0), RunState.SUCCESS, started=4.0, conclusion=end)
    assert seen(overview(ledger=Ledger(record)), ANN)["ended"] == [
        {"id": "r", "user": "ann", "state": "success", "created": 1.0, "started": 4.0, "finished": 9.0, "files": 1}
    ]


def test_a_broken_database_hides_only_what_is_in_it() -> None:
    told = seen(overview(ledger=Ledger(broken=True), workers=(worker("w1"),)), ANN)
    assert (told["ended"], len(told["workers"])) == ([], 1)


def test_a_worker_tells_of_its_devices_models_and_cache() -> None:
    [shown] = seen(overview(workers=(worker("w1"),)), ANN)["workers"]
    assert shown == {
        "name": "w1",
        "state": "ready",
        "problem": "",
        "restarts": 2,
        "runs": [],
        "devices": [{key: value for key, value in CARD.items() if key != "serial"}],
        "models": STATS["models"],
        "cache": STATS["cache"],
    }


@pytest.mark.parametrize(
    ("one", "problems", "state"),
    [
        (worker("w2"), {}, "ready"),
        (worker("w2", running="b"), {}, "running"),
        (worker("w2", ready=False), {}, "starting"),
        (worker("w2", ready=False), {"w2": WorkerStartError("No torch.")}, "failed"),
    ],
)
def test_a_workers_state_is_told_in_a_word(one: Any, problems: dict[str, WorkerStartError], state: str) -> None:
    [shown] = seen(overview(workers=(one,), problems=problems), ANN)["workers"]
    assert (shown["state"], shown["problem"]) == (state, "No torch." if problems else "")


def test_which_run_a_worker_has_is_told_to_those_who_may_see_it() -> None:
    shown = overview(runs=(live("b", "bob"),), workers=(worker("w2", running="b"),))
    assert [seen(shown, caller)["workers"][0]["runs"] for caller in (ANN, BOB, ADMIN)] == [[], ["b"], ["b"]]


def test_what_left_the_queue_and_has_not_begun_waits_before_all_others() -> None:
    queue = FairQueue()
    queue.push(Waiting.of(Submission("later", "ann", 0, "{}"), 0))
    shown = overview(runs=(live("a", "bob"), live("next", "bob", begun=False)), queue=queue)
    assert [(run["id"], run["place"]) for run in seen(shown, ADMIN)["waiting"]] == [("next", 1), ("later", 2)]
    assert [(run["id"], run["place"]) for run in seen(shown, ANN)["waiting"]] == [("later", 2)]
    assert [seen(shown, caller)["waiting_count"] for caller in (ANN, BOB, ADMIN)] == [1, 1, 2]


def slot(number: int, state: str, counts: Counts | None = None) -> Slot:
    target: Any = SimpleNamespace(state=state)
    return Slot("minilm", Version(number, "artifact"), target, counts=counts or Counts())


def test_a_service_shows_the_versions_that_do_something() -> None:
    live_slot = slot(2, "ready", Counts(calls=10, failed=1, shed=2, expired=1, seconds=0.6))
    canary, silent = slot(3, "loading"), slot(1, "unloaded")
    route = Route(
        Service("minilm"),
        {1: silent, 2: live_slot, 3: canary},
        live=live_slot,
        canary=canary,
        share=0.05,
        problems={3: "Its receipt is not signed."},
    )
    (shown,) = seen(overview(routes={"minilm": route}), ANN)["services"]
    assert (shown["name"], shown["share"], shown["problem"]) == ("minilm", 0.05, "Its receipt is not signed.")
    first, second = shown["versions"]
    assert (first["number"], first["part"], first["state"], first["calls"]) == (2, "live", "ready", 10)
    assert (first["failed"], first["refused"], first["seconds"]) == (1, 3, pytest.approx(0.1))
    assert (second["number"], second["part"], second["state"], second["seconds"]) == (3, "canary", "loading", 0.0)
