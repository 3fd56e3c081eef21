from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inhouse.errors import RunConflictError
from inhouse.storage.ledger import Ledger
from inhouse.storage.records import Artifact, Conclusion, RunRecord, RunState, Submission

pytestmark = pytest.mark.anyio
NAMES = ("a", "b", "c", "d")
FINAL = (RunState.SUCCESS, RunState.ERROR, RunState.CANCELLED)


@dataclass
class Run:
    """A run as anybody would keep it who had nothing but a dictionary."""

    number: int
    state: RunState = RunState.QUEUED
    attempts: int = 0
    started: float | None = None
    finished: float | None = None
    shown: bool = False
    files: tuple[Artifact, ...] = ()


@dataclass
class Model:
    """All runs of a user, and what each call does to them."""

    runs: dict[str, Run] = field(default_factory=dict)

    def submit(self, name: str, number: int) -> bool:
        return name not in self.runs and bool(self.runs.setdefault(name, Run(number)))

    def lease(self, name: str, number: int) -> None:
        if (run := self.runs.get(name)) and not run.state.is_final:
            run.state, run.attempts, run.started = RunState.RUNNING, number, float(number)

    def requeue(self, name: str, _: int) -> None:
        if (run := self.runs.get(name)) and not run.state.is_final:
            run.state, run.started = RunState.QUEUED, None

    def cancel(self, name: str, number: int) -> None:
        if (run := self.runs.get(name)) and run.state is RunState.QUEUED:
            run.state, run.finished = RunState.CANCELLED, float(number)

    def conclude(self, name: str, number: int) -> None:
        if (run := self.runs.get(name)) and not run.state.is_final:
            run.state, run.finished = FINAL[number % 3], float(number)
            run.shown = run.state is not RunState.CANCELLED or run.started is not None
            run.files = files(number)

    def hide(self, name: str, number: int) -> None:
        for run_id, run in self.runs.items():
            run.shown = run.shown and not (number == 0 or run_id == name)

    def delete(self, name: str, _: int) -> None:
        if (run := self.runs.get(name)) and run.state.is_final:
            del self.runs[name]


def files(number: int) -> tuple[Artifact, ...]:
    return tuple(Artifact("9", "output", "", f"{index}.png", number) for index in range(number % 3))


def conclusion(run_id: str, number: int) -> Conclusion:
    return Conclusion(run_id, FINAL[number % 3], float(number), artifacts=files(number))


async def call(ledger: Ledger, user: str, action: str, name: str, number: int) -> Any:
    """Do to a ledger what ``Model`` does to its dictionary."""
    run_id = f"{user} {name}"
    waited: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
        "submit": lambda: ledger.submit(Submission(run_id, user, number, "{}")),
        "cancel": lambda: ledger.cancel([run_id], float(number)),
        "hide": lambda: ledger.hide(user, None if number == 0 else [run_id]),
        "delete": lambda: ledger.delete([run_id]),
        "conclude": lambda: ledger.conclude(conclusion(run_id, number)),
    }
    if action in waited:
        return await waited[action]()
    if action == "lease":
        return ledger.lease(run_id, "w", number, float(number), 0.0)
    return ledger.requeue(run_id)


ACTIONS = [name for name in vars(Model) if not name.startswith("_") and name != "runs"]
CALLS = st.lists(st.tuples(st.sampled_from(["submit", *ACTIONS]), st.sampled_from(NAMES), st.integers(0, 5)))


def seen(record: RunRecord) -> Run:
    end = record.conclusion
    times = (record.started, end.finished if end else None)
    number = int(record.submission.number)
    return Run(number, record.state, record.attempts, *times, files=end.artifacts if end else ())


@given(calls=CALLS, together=st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_calls_do_what_a_dictionary_would(ledger: Ledger, calls: Any, *, together: bool) -> None:
    """One after another, or all at once and so in one transaction. Each example has a user of its own."""
    user, model = uuid.uuid4().hex, Model()
    expected = [getattr(model, action)(name, number) for action, name, number in calls]
    if together:
        tasks = [asyncio.ensure_future(call(ledger, user, *each)) for each in calls]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    else:
        answers = [(await asyncio.gather(call(ledger, user, *each), return_exceptions=True))[0] for each in calls]
    for (action, _, _), answer, accepted in zip(calls, answers, expected, strict=True):
        assert isinstance(answer, (int if accepted else RunConflictError) if action == "submit" else type(None))
    await compare(ledger, user, model)


async def compare(ledger: Ledger, user: str, model: Model) -> None:
    def name(record: RunRecord) -> str:
        return record.submission.id.split()[1]

    jobs, total = await ledger.jobs(user)
    hidden = {run_id: Run(**{**vars(run), "shown": False}) for run_id, run in model.runs.items()}
    assert {name(record): seen(record) for record in jobs} == hidden
    assert [name(record) for record in jobs] == list(model.runs)[::-1]
    assert total == len(model.runs)
    counts = await ledger.counts(user)
    assert counts == {state: sum(run.state is state for run in model.runs.values()) for state in RunState}
    history = [name(record) for record in await ledger.history(user)]
    place = {run_id: (run.finished, index) for index, (run_id, run) in enumerate(model.runs.items())}
    assert history == sorted((run_id for run_id, run in model.runs.items() if run.shown), key=place.__getitem__)
    items = json.loads(await ledger.queue_items(user, RunState.QUEUED))
    waiting = [
        (run.number, index, run_id)
        for index, (run_id, run) in enumerate(model.runs.items())
        if run.state is RunState.QUEUED
    ]
    assert [item[1].split()[1] for item in items] == [run_id for *_, run_id in sorted(waiting)]
