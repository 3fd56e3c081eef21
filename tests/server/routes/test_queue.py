import json
from typing import Any

import pytest
from tests.gateway import Gateway, eventually, loop, sink
from tests.server.conftest import People


def _ids(person: Gateway) -> dict[str, list[str]]:
    return {name: [item[1] for item in items] for name, items in person.ask("GET", "/queue").json.items()}


def test_each_sees_their_own_queue_and_touches_no_others(people: People) -> None:
    running = people.ann.submit(loop(20))
    waiting = people.ann.submit(sink(1))
    mine = people.ben.submit(sink(2))
    eventually(lambda: _ids(people.ann)["queue_running"] == [running])
    assert _ids(people.ann) == {"queue_running": [running], "queue_pending": [waiting]}
    assert _ids(people.ben) == {"queue_running": [], "queue_pending": [mine]}
    for path, body in (
        ("/queue", {"clear": True, "delete": [running, waiting]}),
        ("/interrupt", None),
        ("/interrupt", {"prompt_id": running}),
        ("/jobs/cancel", {"job_ids": [running, waiting]}),
    ):
        assert people.ben.ask("POST", path, body).status == 200
    assert people.ben.ask("POST", f"/jobs/{running}/cancel").status == 404
    assert _ids(people.ann) == {"queue_running": [running], "queue_pending": [waiting]}
    assert people.ben.status(mine) == "cancelled"  # their own, by `clear`
    assert people.admin.ask("POST", "/jobs/cancel", {"job_ids": [waiting, running]}).json["cancelled"]
    assert [people.ann.over(run_id) for run_id in (running, waiting)] == ["cancelled", "cancelled"]


def test_runs_of_two_clients_are_on_their_way_at_once_and_those_of_one_in_order(gateway: Gateway) -> None:
    running, next_one = gateway.submit(loop(20), client_id="a"), gateway.submit(sink(1), client_id="a")
    other = gateway.submit(loop(20), client_id="b")
    eventually(lambda: _ids(gateway) == {"queue_running": [running, other], "queue_pending": [next_one]})
    assert gateway.ask("POST", "/interrupt", {"prompt_id": next_one}).status == 200
    assert _ids(gateway)["queue_pending"] == [next_one]
    assert gateway.ask("POST", "/interrupt").status == 200
    assert [gateway.over(run_id) for run_id in (running, other, next_one)] == ["cancelled", "cancelled", "completed"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/queue", b"\xff"),
        ("/queue", []),
        ("/queue", {"delete": "abc"}),
        ("/free", 7),
        ("/free", b"{"),
        ("/interrupt", [1]),
        ("/jobs/cancel", {}),
        ("/jobs/cancel", {"job_ids": {"a": 1}}),
        ("/history", b""),
    ],
)
def test_a_malformed_request_is_its_senders_fault(gateway: Gateway, path: str, body: Any) -> None:
    answer = gateway.ask("POST", path, body)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize("run_id", [None, 5, "a\0b", {"x": 1}, "x" * 10_000])
def test_ids_that_cannot_be_are_ignored(gateway: Gateway, run_id: Any) -> None:
    for path, body in (
        ("/queue", {"delete": [run_id]}),
        ("/history", {"delete": [run_id]}),
        ("/jobs/cancel", {"job_ids": [run_id]}),
    ):
        assert gateway.ask("POST", path, body).status == 200
    if run_id is not None:  # which would mean whatever runs
        assert gateway.ask("POST", "/interrupt", {"prompt_id": run_id}).status == 200
