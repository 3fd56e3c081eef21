import pytest
from tests.gateway import Gateway, loop, sink
from tests.server.conftest import People


def test_each_sees_and_forgets_their_own_history(people: People) -> None:
    run_id = people.ann.submit(sink(11))
    people.ann.over(run_id)
    assert run_id in people.ann.ask("GET", "/history").json
    assert people.ben.ask("GET", f"/history/{run_id}").json == {}
    assert run_id not in people.ben.ask("GET", "/history").json
    for body in ({"delete": [run_id]}, {"clear": True}):
        assert people.ben.ask("POST", "/history", body).status == 200
    assert run_id in people.ann.ask("GET", "/history").json
    people.ann.ask("POST", "/history", {"delete": [run_id]})
    assert run_id not in people.ann.ask("GET", "/history").json


def test_a_run_that_was_cancelled_before_it_began_is_not_told_of(people: People) -> None:
    busy = people.ann.submit(loop(20))
    waiting = people.ann.submit(sink(12))
    people.ann.ask("POST", "/queue", {"delete": [waiting]})
    assert people.ann.history(waiting) == {}
    assert people.ann.history(busy) == {}
    people.ann.ask("POST", "/interrupt")
    people.ann.over(busy)
    assert people.ann.history(busy)["status"]["status_str"] == "error"


@pytest.mark.parametrize("query", ["max_items=x", "offset=1.5", "max_items=" + "9" * 30, "offset=" + "9" * 30])
def test_a_page_that_cannot_be_is_refused_or_empty(gateway: Gateway, query: str) -> None:
    answer = gateway.ask("GET", f"/history?{query}")
    assert answer.status in (200, 400, 422)


@pytest.mark.parametrize("run_id", ["unknown", "%00", "..%2F..%2Fetc", "%ED%A0%80", "x" * 3000])
def test_an_unknown_run_is_an_empty_object(gateway: Gateway, run_id: str) -> None:
    answer = gateway.ask("GET", f"/history/{run_id}")
    assert (answer.status, answer.body) in ((200, b"{}"), (404, b""))
