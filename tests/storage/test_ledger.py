from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inhouse.errors import RequestError, RunConflictError, StorageOwnedError
from inhouse.storage.ledger import Ledger, open_ledger
from inhouse.storage.records import Artifact, Conclusion, RunState, Submission

pytestmark = pytest.mark.anyio
WORKFLOW = '{"1":{"class_type":"Probe","inputs":{}}}'


def submission(run_id: str, user: str = "ada", number: float = 0, **more: object) -> Submission:
    return replace(Submission(run_id, user, number, WORKFLOW, created=1.5), **more)  # type: ignore[arg-type]


def success(run_id: str, finished: float = 20.0, *artifacts: Artifact) -> Conclusion:
    return Conclusion(run_id, RunState.SUCCESS, finished, '{"1":{}}', '{"completed":true}', "{}", artifacts)


async def finish(ledger: Ledger, run_id: str, finished: float = 20.0, *artifacts: Artifact) -> None:
    ledger.lease(run_id, "w", 1, 10.0, 40.0)
    await ledger.conclude(success(run_id, finished, *artifacts))


async def test_what_was_submitted_is_there_word_for_word(ledger: Ledger) -> None:
    run = submission(
        'a "quoted" \u00fc \\ id',
        number=2.5,
        extra='{"extra_pnginfo":{"text":"\\u0000 \u6f22"}}',
        targets=("9", "10"),
        priority=-3,
        client_id="socket",
        idempotency_key="once",
        digest="d",
    )
    sequence = await ledger.submit(run)
    record = await ledger.get(run.id)
    assert record is not None
    assert record.submission == run
    assert (record.sequence, record.state, record.attempts, record.conclusion) == (sequence, RunState.QUEUED, 0, None)
    assert await ledger.by_key("ada", "once") == record
    assert await ledger.by_key("bob", "once") is None
    assert await ledger.get("another") is None


async def test_a_used_id_or_key_is_refused_and_harms_no_other(ledger: Ledger) -> None:
    await ledger.submit(submission("a", idempotency_key="k"))
    with pytest.raises(RunConflictError):
        await ledger.submit(submission("a", user="bob"))
    with pytest.raises(RunConflictError):
        await ledger.submit(submission("b", idempotency_key="k"))
    await ledger.submit(submission("b", user="bob", idempotency_key="k"))
    assert [record.submission.id for record in await ledger.open_runs()] == ["a", "b"]


@pytest.mark.parametrize("text", ["nul \0", "half a pair \ud800"])
async def test_text_that_no_database_holds_is_refused(ledger: Ledger, text: str) -> None:
    with pytest.raises(RequestError):
        await ledger.submit(submission(text))
    await ledger.submit(submission("fine"))


@pytest.mark.parametrize("text", ["nul \0", "half a pair \ud800"])
async def test_a_name_that_no_run_can_have_is_nobodys(ledger: Ledger, text: str) -> None:
    await ledger.submit(submission("a"))
    assert await ledger.get(text) is None
    assert await ledger.by_key("ada", text) is None
    assert await ledger.artifacts(text) == ()
    await ledger.hide("ada", [text])
    await ledger.cancel([text, "a"], 20.0)
    assert (await ledger.counts())[RunState.CANCELLED] == 1


async def test_a_run_ends_whatever_its_nodes_wrote(ledger: Ledger) -> None:
    await ledger.submit(submission("a"))
    await ledger.conclude(
        Conclusion("a", RunState.SUCCESS, 20.0, '"\ud800"', '"\0"', artifacts=(Artifact("9", "output", "", "\udcff"),))
    )
    record = await ledger.get("a")
    assert record is not None
    assert record.conclusion is not None
    assert (record.conclusion.outputs, record.conclusion.artifacts[0].filename) == ('"?"', "?")


async def test_queue_items_are_as_comfyui_shows_them(ledger: Ledger) -> None:
    await ledger.submit(submission("plain", number=190, targets=("9",)))
    await ledger.submit(submission("explicit", number=-100.0, extra='{"client_id":"c"}'))
    await ledger.submit(submission("urgent", number=300, priority=1))
    await ledger.submit(submission("half \"'\u00fc", user="bob", number=2.5))
    text = await ledger.queue_items(None, RunState.QUEUED)
    workflow = json.loads(WORKFLOW)
    assert json.loads(text) == [
        [300, "urgent", workflow, {}, []],
        [-100.0, "explicit", workflow, {"client_id": "c"}, []],
        [2.5, "half \"'\u00fc", workflow, {}, []],
        [190, "plain", workflow, {}, ["9"]],
    ]
    assert b"[-100.0," in text
    assert b"[190," in text
    assert json.loads(await ledger.queue_items("bob", RunState.QUEUED))[0][0] == 2.5
    assert await ledger.queue_items(None, RunState.RUNNING) == b"[]"


async def test_a_lease_makes_it_run_and_a_requeue_does_not(ledger: Ledger) -> None:
    await ledger.submit(submission("a"))
    ledger.lease("a", "worker-1", 1, 10.0, 40.0)
    ledger.extend(["a"], 70.0)
    record = await ledger.get("a")
    assert record is not None
    assert (record.state, record.worker, record.attempts) == (RunState.RUNNING, "worker-1", 1)
    assert (record.started, record.leased_until) == (10.0, 70.0)
    ledger.requeue("a")
    record = await ledger.get("a")
    assert record is not None
    assert (record.state, record.worker, record.attempts, record.started) == (RunState.QUEUED, None, 1, None)


async def test_a_conclusion_is_kept_once(ledger: Ledger) -> None:
    await ledger.submit(submission("a"))
    files = (Artifact("9", "output", "", "x_00001_.png", 5), Artifact("9", "temp", "sub", "y.png"))
    await finish(ledger, "a", 20.0, *files)
    await ledger.conclude(Conclusion("a", RunState.ERROR, 30.0, artifacts=(Artifact("1", "output", "", "z"),) * 3))
    ledger.lease("a", "late", 2, 31.0, 60.0)
    ledger.requeue("a")
    record = await ledger.get("a")
    assert record is not None
    assert record.state is RunState.SUCCESS
    assert record.conclusion == success("a", 20.0, *files)
    assert await ledger.artifacts("a") == files
    assert await ledger.artifacts("b") == ()


async def test_only_queued_runs_are_cancelled_and_history_does_not_show_them(ledger: Ledger) -> None:
    for run_id in ("pending", "running", "interrupted"):
        await ledger.submit(submission(run_id))
    ledger.lease("running", "w", 1, 10.0, 40.0)
    ledger.lease("interrupted", "w", 1, 10.0, 40.0)
    await ledger.conclude(Conclusion("interrupted", RunState.CANCELLED, 15.0))
    await ledger.cancel(["pending", "running", "unknown"], 20.0)
    assert [record.submission.id for record in await ledger.history(None)] == ["interrupted"]
    assert [record.submission.id for record in await ledger.open_runs()] == ["running"]
    cancelled, total = await ledger.jobs("ada", [RunState.CANCELLED])
    assert [record.submission.id for record in cancelled] == ["interrupted", "pending"]
    assert total == 2


async def test_history_goes_by_when_runs_finished(ledger: Ledger) -> None:
    for run_id, finished in (("c", 23.0), ("a", 21.0), ("d", 24.0), ("b", 22.0)):
        await ledger.submit(submission(run_id, user="bob" if run_id == "d" else "ada"))
        await finish(ledger, run_id, finished)

    async def ids(user: str | None, limit: int | None = None, offset: int | None = None) -> str:
        return "".join(record.submission.id for record in await ledger.history(user, limit=limit, offset=offset))

    assert await ids(None) == "abcd"
    assert await ids("ada") == "abc"
    assert await ids(None, limit=2) == "cd"
    assert await ids(None, limit=2, offset=1) == "bc"
    assert await ids(None, offset=3) == "d"
    await ledger.hide("ada", ["a", "d"])
    assert await ids(None) == "bcd"
    await ledger.hide("bob", None)
    assert await ids(None) == "bc"
    await ledger.hide(None, None)
    assert await ids(None) == ""
    assert (await ledger.jobs(None))[1] == 4


async def test_jobs_are_the_newest_first_by_pages(ledger: Ledger) -> None:
    for index in range(5):
        await ledger.submit(submission(str(index), user="bob" if index == 3 else "ada"))
    page, total = await ledger.jobs("ada", [RunState.QUEUED, RunState.RUNNING], 2, 1)
    assert [record.submission.id for record in page] == ["2", "1"]
    assert total == 4
    assert await ledger.counts() == {**dict.fromkeys(RunState, 0), RunState.QUEUED: 5}
    assert (await ledger.counts("bob"))[RunState.QUEUED] == 1


async def test_open_runs_leave_the_large_texts_where_they_are(ledger: Ledger) -> None:
    await ledger.submit(submission("a"))
    (record,) = await ledger.open_runs()
    assert record.submission == replace(submission("a"), workflow="", extra="")


async def test_the_order_of_calls_is_the_order_of_writing(ledger: Ledger) -> None:
    """Also when all of them are in one transaction."""
    await ledger.submit(submission("a"))
    for attempt in range(1, 4):
        ledger.lease("a", f"w{attempt}", attempt, 10.0, 40.0)
        ledger.requeue("a")
    ledger.lease("a", "last", 4, 11.0, 40.0)
    record = await ledger.get("a")
    assert record is not None
    assert (record.state, record.worker, record.attempts) == (RunState.RUNNING, "last", 4)


async def test_runs_survive_and_sequences_go_on(url: str, tmp_path: Path) -> None:
    first = open_ledger(url, tmp_path)
    before = await first.submit(submission("a"))
    first.lease("a", "w", 1, 10.0, 40.0)
    await first.close()
    second = open_ledger(url, tmp_path)
    (record,) = await second.open_runs()
    assert (record.submission.id, record.state, record.attempts) == ("a", RunState.RUNNING, 1)
    assert await second.submit(submission("b")) > before
    await second.close()


async def test_a_second_gateway_is_refused(ledger: Ledger, url: str, tmp_path: Path) -> None:
    with pytest.raises(StorageOwnedError):
        open_ledger(url, tmp_path)
    await ledger.submit(submission("a"))


SUBMITTER = """
import asyncio, sys
from pathlib import Path
from inhouse.storage.ledger import open_ledger
from inhouse.storage.records import Conclusion, RunState, Submission

async def submit(ledger, ids):
    for run_id in ids:
        await ledger.submit(Submission(run_id, "ada", 0, "{}"))
        print("submitted", run_id, flush=True)
        ledger.lease(run_id, "w", 1, 1.0, 2.0)
        await ledger.conclude(Conclusion(run_id, RunState.SUCCESS, 3.0))
        print("concluded", run_id, flush=True)

async def main():
    ledger = open_ledger(sys.argv[1], Path(sys.argv[2]))
    ids = map(str, range(10**9))
    await asyncio.gather(*(submit(ledger, ids) for _ in range(8)))

asyncio.run(main())
"""


def killed(url: str, state: Path, told: int) -> list[list[str]]:
    """Kill a process that submits and concludes, once it has said so many times that it did; return all it said."""
    with subprocess.Popen([sys.executable, "-c", SUBMITTER, url, state], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(told)]
        child.kill()
        lines += child.stdout.readlines()
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


@pytest.mark.parametrize("told", [1, 137])
async def test_what_was_acknowledged_survives_a_kill(url: str, tmp_path: Path, told: int) -> None:
    acknowledged = killed(url, tmp_path, told)
    ledger = await reopened(url, tmp_path)
    jobs, total = await ledger.jobs(None)
    states = {run.submission.id: run.state for run in jobs}
    assert {run_id for word, run_id in acknowledged if word == "submitted"} <= set(states)
    assert all(states[run_id] is RunState.SUCCESS for word, run_id in acknowledged if word == "concluded")
    assert total == len(jobs) == len({run.sequence for run in jobs})
    await ledger.submit(submission("afterwards"))
    await ledger.close()


async def reopened(url: str, state: Path) -> Ledger:
    """Open the ledger of a process that was killed; PostgreSQL hears of the death when the socket closes."""
    for _ in range(1000):
        try:
            return open_ledger(url, state)
        except StorageOwnedError:
            await asyncio.sleep(0)
    pytest.fail("it is still owned")
