import pytest
from tests.gateway import Gateway, loop, sink
from tests.server.conftest import People


def test_a_run_is_listed_in_every_state(people: People) -> None:
    running, waiting = people.ben.submit(loop(20)), people.ben.submit(sink(21))
    ear = people.ben.listen()
    listed = people.ben.ask("GET", "/jobs?status=pending,in_progress").json
    assert {job["id"] for job in listed["jobs"]} == {running, waiting}
    assert listed["pagination"] == {"offset": 0, "limit": 100, "total": 2, "has_more": False}
    assert people.ben.ask("POST", f"/jobs/{waiting}/cancel").json == {"cancelled": [waiting]}
    assert people.ben.ask("POST", f"/jobs/{running}/cancel").json == {"cancelled": [running]}
    assert people.ben.over(running) == people.ben.over(waiting) == "cancelled"
    done = people.ben.submit(sink(22))
    assert people.ben.over(done) == "completed"
    ear.close()
    page = people.ben.ask("GET", "/jobs?limit=1").json
    assert [job["id"] for job in page["jobs"]] == [done]
    assert page["pagination"]["has_more"]
    completed = people.ben.ask("GET", "/jobs?status=completed").json["jobs"]
    assert {job["status"] for job in completed} == {"completed"}


def test_nobody_sees_a_run_of_others_by_its_id_but_an_admin(people: People) -> None:
    run_id = people.ann.submit(sink(23))
    people.ann.over(run_id)
    for path in (f"/jobs/{run_id}", f"/jobs/{run_id}/assets", f"/api/jobs/{run_id}"):
        assert people.ann.ask("GET", path).status == 200
        assert people.ben.ask("GET", path).status == 404
        assert people.admin.ask("GET", path).status == 200
    assert people.ben.ask("POST", f"/jobs/{run_id}/cancel").status == 404
    assert run_id not in {job["id"] for job in people.ben.ask("GET", "/jobs?limit=1000").json["jobs"]}


def test_the_files_that_a_run_made_are_listed_with_their_size(gateway: Gateway) -> None:
    workflow = {"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 2, "color": 0}}}
    workflow["2"] = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "jobs/a"}}
    run_id = gateway.submit(workflow)
    gateway.over(run_id)
    assets = gateway.ask("GET", f"/jobs/{run_id}/assets").json["assets"]
    assert [(asset["name"], asset["subfolder"], asset["type"]) for asset in assets] == [
        ("a_00001_.png", "jobs", "output"),
        ("a_00002_.png", "jobs", "output"),
    ]
    assert [asset["size"] for asset in assets] == [
        (gateway.folder / "output" / "jobs" / asset["name"]).stat().st_size for asset in assets
    ]
    details = gateway.ask("GET", f"/jobs/{run_id}").json
    assert details["outputs_count"] == 2
    assert details["workflow"]["prompt"].keys() == {"1", "2"}


@pytest.mark.parametrize("query", ["status=finished", "limit=0", "limit=-1", "limit=x", "offset=-1", "limit=1001"])
def test_a_page_that_cannot_be_is_refused(gateway: Gateway, query: str) -> None:
    assert gateway.ask("GET", f"/jobs?{query}").status in (400, 422)


@pytest.mark.parametrize("run_id", ["unknown", "%00", "%ED%A0%80", "x" * 3000])
def test_an_unknown_run_is_not_found(gateway: Gateway, run_id: str) -> None:
    assert gateway.ask("GET", f"/jobs/{run_id}").status == 404
    assert gateway.ask("POST", f"/jobs/{run_id}/cancel").status == 404
