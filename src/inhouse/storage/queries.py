"""What is read, and how rows become records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, Select, cast, func, literal, select
from sqlalchemy.sql.functions import aggregate_strings

from inhouse.storage.records import Artifact, Conclusion, RunRecord, RunState, Submission
from inhouse.storage.schema import ARTIFACTS, REQUESTS, RUNS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_CHUNK = 1000
"""How many values a statement lists; SQLite takes 32,766."""
_OPEN = (RunState.QUEUED, RunState.RUNNING)
_TEXTS = (REQUESTS.c.workflow, REQUESTS.c.extra)
_WITHOUT_TEXTS = (literal("").label("workflow"), literal("").label("extra"))


def runs(*, texts: bool = True) -> Select[Any]:
    """Return a query for all there is of runs but their artifacts; without texts, workflow and extra are empty."""
    if not texts:
        return select(*RUNS.c, *_WITHOUT_TEXTS)
    return select(*RUNS.c, *_TEXTS).join_from(RUNS, REQUESTS)


def open_runs() -> Select[Any]:
    """Return a query for what is queued or running, by sequence, without texts."""
    return runs(texts=False).where(RUNS.c.state.in_(_OPEN)).order_by(RUNS.c.sequence)


def history(user: str | None, limit: int | None, offset: int | None) -> Select[Any]:
    """Return a query for what the history shows, by when it finished; a limit without an offset leaves the newest."""
    newest = offset is None and limit is not None
    order = (RUNS.c.finished, RUNS.c.sequence)
    page = _of(user, select(RUNS.c.sequence)).where(RUNS.c.shown)
    page = page.order_by(*(column.desc() if newest else column for column in order))
    return _on(page.limit(limit).offset(offset)).order_by(*order)


def jobs(user: str | None, states: Sequence[RunState], limit: int | None, offset: int) -> Select[Any]:
    """Return a query for runs in any of some states, or in any state if none are given; the newest first."""
    newest = RUNS.c.sequence.desc()
    page = _of(user, select(RUNS.c.sequence))
    if states:
        page = page.where(RUNS.c.state.in_(states))
    return _on(page.order_by(newest).limit(limit).offset(offset)).order_by(newest)


def counts(user: str | None) -> Select[Any]:
    """Return a query for how many runs are in each state."""
    return _of(user, select(RUNS.c.state, func.count()).group_by(RUNS.c.state))


def queue_items(user: str | None, state: RunState, dialect: str) -> Select[Any]:
    """Return a query for one text: ComfyUI's queue items with commas between them, the next run first; NULL for none.

    The database puts it together: ten thousand workflows never become Python objects.
    """
    quoted, form = {"sqlite": (func.json_quote, func.printf)}.get(dialect, (func.to_json, func.format))
    item = form(
        "[%s,%s,%s,%s,%s]", RUNS.c.number, quoted(RUNS.c.id), REQUESTS.c.workflow, REQUESTS.c.extra, RUNS.c.targets
    )
    items = (
        _of(user, select(item.label("item")).join_from(RUNS, REQUESTS))
        .where(RUNS.c.state == state)
        .order_by(RUNS.c.priority.desc(), cast(RUNS.c.number, Double), RUNS.c.sequence)
        .subquery()
    )
    return select(aggregate_strings(items.c.item, ","))


def read(connection: Connection, query: Select[Any]) -> list[RunRecord]:
    """Return the records that a query of ``runs`` finds, with their artifacts."""
    rows = connection.execute(query).all()
    finished = [row.sequence for row in rows if row.state not in _OPEN]
    artifacts = _artifacts(connection, finished)
    return [_record(row, artifacts.get(row.sequence, ())) for row in rows]


def _on(page: Select[Any]) -> Select[Any]:
    """Return a query for the runs of a page. Their numbers come first, so that no large text is sorted."""
    return runs().where(RUNS.c.sequence.in_(page))


def _of(user: str | None, query: Select[Any]) -> Select[Any]:
    return query if user is None else query.where(RUNS.c.user == user)


def _artifacts(connection: Connection, sequences: Sequence[int]) -> dict[int, list[Artifact]]:
    found: dict[int, list[Artifact]] = {}
    for start in range(0, len(sequences), _CHUNK):
        query = (
            select(*ARTIFACTS.c)
            .where(ARTIFACTS.c.sequence.in_(sequences[start : start + _CHUNK]))
            .order_by(ARTIFACTS.c.sequence, ARTIFACTS.c.place)
        )
        for sequence, _place, *fields in connection.execute(query):
            found.setdefault(sequence, []).append(Artifact(*fields))
    return found


def _record(row: Row[Any], artifacts: Iterable[Artifact]) -> RunRecord:
    values: tuple[Any, ...] = tuple(row)
    sequence, run_id, user, number, priority, targets, client_id, key, digest, created = values[:10]
    state_name, attempts, worker, leased_until, started, finished, _shown, *texts, workflow, extra = values[10:]
    state = RunState(state_name)
    targets = tuple(json.loads(targets))
    submission = Submission(
        run_id, user, json.loads(number), workflow, extra, targets, priority, client_id, key, digest, created
    )
    conclusion = None
    if state.is_final:
        outputs, status, meta = (text or "{}" for text in texts)
        conclusion = Conclusion(run_id, state, finished, outputs, status, meta, tuple(artifacts))
    return RunRecord(sequence, submission, state, attempts, worker, leased_until, started, conclusion)
