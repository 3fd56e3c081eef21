import threading
from collections.abc import Mapping
from typing import Any

import pytest
from tests.gateway import Answer, Gateway, loop, sink
from tests.server.conftest import People

PLUS = {"comfy-user": "somebody-else"}


@pytest.mark.parametrize("path", ["/prompt", "/api/prompt"])
def test_a_workflow_is_accepted_under_both_addresses(gateway: Gateway, path: str) -> None:
    answer = gateway.ask("POST", path, {"prompt": sink(1)})
    assert set(answer.json) == {"prompt_id", "number", "node_errors"}
    assert gateway.over(answer.json["prompt_id"]) == "completed"


def test_the_same_request_under_a_key_runs_once(gateway: Gateway) -> None:
    body, answers = {"prompt": sink(2)}, list[Answer]()
    headers = {"Idempotency-Key": "once"}

    def ask() -> None:
        answers.append(gateway.ask("POST", "/prompt", body, headers=headers))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(answer.status, answer.json["prompt_id"]) for answer in answers}) == 1
    gateway.over(answers[0].json["prompt_id"])
    other = gateway.ask("POST", "/prompt", {"prompt": sink(3)}, headers=headers)
    assert (other.status, other.json["error"]["type"]) == (409, "run_conflict")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Idempotency-Key": ""}, {"prompt": sink(1)}, 400),
        ({"Idempotency-Key": "x" * 201}, {"prompt": sink(1)}, 400),
        ({}, {"prompt": sink(1), "prompt_id": "a\0b"}, 400),
        ({}, {"prompt": sink(1), "number": "first"}, 400),
        ({}, {"prompt": sink(1), "priority": "high"}, 400),
        ({}, {"prompt": {"1": {"class_type": "ProbeListWidget", "inputs": {"xs": 2**64}}}}, 400),
        ({}, {"prompt": {"1": {"class_type": "ProbeListWidget", "inputs": {"xs": "\ud800"}}}}, 400),
    ],
)
def test_what_cannot_be_meant_is_refused(
    gateway: Gateway, headers: Mapping[str, str], body: dict[str, Any], status: int
) -> None:
    answer = gateway.ask("POST", "/prompt", body, headers=headers)
    assert answer.status == status, answer.body
    assert answer.json["error"]["message"]
    assert gateway.remaining() == 0


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, -(2**63), 1e308])
def test_large_numbers_are_carried_through(gateway: Gateway, value: float) -> None:
    run_id = gateway.submit({"1": {"class_type": "ProbeListWidget", "inputs": {"xs": value}}})
    assert gateway.over(run_id) == "completed"
    entry = gateway.history(run_id)
    assert entry["prompt"][2]["1"]["inputs"]["xs"] == value
    assert entry["outputs"]["1"]["xs"] == [value]


def test_users_take_turns_and_count_their_own(people: People) -> None:
    first = people.ann.submit(loop(0.2, "first"))
    more = [people.ann.submit(loop(0.1, f"more {number}")) for number in range(3)]
    mine = people.ben.submit(loop(0.1, "mine"))
    assert (people.ben.remaining(), people.admin.remaining()) == (1, 0)
    assert people.ann.remaining() in (3, 4)
    assert people.ben.over(mine) == "completed"
    people.ann.over(first)
    for run_id in more:
        people.ann.over(run_id)

    def begun(person: Gateway, run_id: str) -> float:
        return float(person.ask("GET", f"/jobs/{run_id}").json["execution_start_time"])

    assert begun(people.ben, mine) < begun(people.ann, more[1])


def test_results_are_not_shared_between_users(people: People) -> None:
    workflow = {
        "1": {"class_type": "StubImage", "inputs": {"content": "WHITE", "height": 8, "width": 8, "batch_size": 1}}
    }
    workflow["2"] = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "shared"}}
    for person in (people.ann, people.ben):
        run_id = person.submit(workflow)
        assert person.over(run_id) == "completed"
        (image,) = person.history(run_id)["outputs"]["2"]["images"]
        assert image["filename"] == "shared_00001_.png"
    outputs = sorted(
        str(path.relative_to(people.ann.folder / "output")) for path in (people.ann.folder / "output").rglob("shared*")
    )
    assert outputs == ["ann/shared_00001_.png", "ben/shared_00001_.png"]


def test_nobody_gets_in_without_a_token_whatever_name_they_give(people: People) -> None:
    assert people.nobody.ask("POST", "/prompt", {"prompt": sink(1)}).status == 401
    assert people.nobody.ask("GET", "/queue", headers={"comfy-user": "ann"}).status == 401
    assert people.ben.ask("GET", "/users", headers={"comfy-user": "ann"}).status == 200
