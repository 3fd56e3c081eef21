import json
from dataclasses import replace
from typing import Any

import pytest

from inhouse.compat.jobs import STATUSES, Job, job, job_details, jobs_page

IMAGES = [
    {"filename": "a.png", "subfolder": "x", "type": "output"},
    {"filename": "b.png", "type": "output"},
    {"filename": "c.png", "subfolder": "", "type": "temp"},
]
DONE = Job(
    id="r",
    state="success",
    created=1.5,
    extra='{"extra_pnginfo": {"workflow": {"id": "w", "nodes": []}}, "client_id": "A"}',
    started=2.0,
    finished=3.25,
    outputs=json.dumps({"9": {"images": IMAGES, "animated": [False]}, "10": {"text": ["x"]}}),
    status='{"status_str": "success", "completed": true, "messages": []}',
)


def _fits(entry: dict[str, Any]) -> bool:
    """Whether the canvas reads an entry: what it accepted and refused of a real one, told as a rule."""
    preview, error, counts = entry.get("preview_output"), entry.get("execution_error"), ("outputs_count",)
    return (
        isinstance(entry["id"], str)
        and entry["status"] in ("pending", "in_progress", "completed", "failed", "cancelled")
        and isinstance(entry["create_time"], int | float)
        and all(entry.get(name) is None or isinstance(entry[name], int) for name in counts)
        and ("priority" not in entry or isinstance(entry["priority"], int | float))
        and (preview is None or {"nodeId", "mediaType"} <= {k for k, v in preview.items() if isinstance(v, str)})
        and (preview is None or preview["type"] in ("input", "output", "temp"))
        and (error is None or isinstance(error["traceback"], list))
    )


def test_a_run_that_is_done_shows_the_last_picture_it_saved() -> None:
    entry = job(DONE)
    assert _fits(entry)
    assert entry == {
        "id": "r",
        "status": "completed",
        "create_time": 1500,
        "execution_start_time": 2000,
        "execution_end_time": 3250,
        "workflow_id": "w",
        "outputs_count": 4,
        "previewable_outputs_count": 3,
        "preview_output": {
            "filename": "b.png",
            "subfolder": "",
            "type": "output",
            "nodeId": "9",
            "mediaType": "images",
        },
    }


@pytest.mark.parametrize("state", STATUSES)
def test_every_state_is_one_that_the_canvas_knows(state: str) -> None:
    assert _fits(job(Job("r", state, 1.0, priority=3)))


@pytest.mark.parametrize(
    "outputs",
    [
        {"9": {"images": [{"filename": "a.png", "type": "weird"}, {"filename": 1, "type": "output"}, None, "x"]}},
        {"9": {"images": "x"}},
        {"9": None},
        {"9": ["x"]},
    ],
)
def test_what_a_node_shows_cannot_cost_the_canvas_its_list(outputs: Any) -> None:
    entry = job(replace(DONE, outputs=json.dumps(outputs)))
    assert _fits(entry)
    assert entry["preview_output"] is None


def test_a_failed_run_says_why() -> None:
    told = {"node_id": 3, "node_type": "KSampler", "exception_message": "m", "prompt_id": "r", "timestamp": 1}
    messages = [["execution_start", {}], ["execution_error", told]]
    entry = job(replace(DONE, state="error", status=json.dumps({"messages": messages})))
    assert _fits(entry)
    assert entry["execution_error"] == {**told, "node_id": "3", "exception_type": "", "traceback": []}
    assert "execution_error" not in job(replace(DONE, state="error", status="{}"))
    assert "execution_error" not in job(replace(DONE, status=json.dumps({"messages": messages})))


def test_details_leave_out_what_there_is_not() -> None:
    waiting = job_details(Job("r", "queued", 1.0), '{"1": {}}')
    assert waiting["workflow"] == {"prompt": {"1": {}}, "extra_data": {}}
    assert waiting["outputs"] == {}
    assert waiting["update_time"] == 1000
    assert not {"execution_status", "execution_meta"} & waiting.keys()
    done = job_details(DONE, "{}", '{"9": {"node_id": "9"}}')
    assert done["update_time"] == 3250
    assert done["execution_status"]["status_str"] == "success"
    assert done["execution_meta"] == {"9": {"node_id": "9"}}
    assert done["workflow"]["extra_data"]["extra_pnginfo"]["workflow"]["id"] == "w"


@pytest.mark.parametrize("extra", ["{}", '{"extra_pnginfo": null}', '{"workflow": {"id": 5}}', "[]"])
def test_without_a_canvas_there_is_no_id_of_it(extra: str) -> None:
    assert job(replace(DONE, extra=extra))["workflow_id"] is None


def test_a_page_tells_whether_there_is_another() -> None:
    page = jobs_page([{"id": "a"}, {"id": "b"}], offset=2, limit=2, total=5)
    assert page["pagination"] == {"offset": 2, "limit": 2, "total": 5, "has_more": True}
    assert not jobs_page([{"id": "e"}], offset=4, limit=2, total=5)["pagination"]["has_more"]
