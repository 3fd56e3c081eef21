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
    from sqlalchemy import ColumnElement, Connection, Row

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


def history(user: str | None, *, newest_first: bool) -> Select[Any]:
    """Return a query for what the history shows, by when it finished."""
    order = [RUNS.c.finished, RUNS.c.sequence]
    query = _of(user, runs()).where(RUNS.c.shown)
    return query.order_by(*(column.desc() if newest_first else column for column in order))


def jobs(user: str | None, states: Sequence[RunState]) -> Select[Any]:
    """Return a query for runs in any of some states, or in any state if none are given; the newest first."""
    query = _of(user, runs())
    if states:
        query = query.where(RUNS.c.state.in_(states))
    return query.order_by(RUNS.c.sequence.desc())


def counts(user: str | None) -> Select[Any]:
    """Return a query for how many runs are in each state."""
    return _of(user, select(RUNS.c.state, func.count()).group_by(RUNS.c.state))


def queue_items(user: str | None, state: RunState, dialect: str) -> Select[Any]:
    """Return a query for one text: the JSON list of ComfyUI's queue items, the next run first.

    The database puts it together: ten thousand workflows never become Python objects.
    """
    quoted = {"sqlite": func.json_quote(RUNS.c.id)}.get(dialect, func.to_json(RUNS.c.id))
    parts: list[ColumnElement[Any]] = [RUNS.c.number, quoted, REQUESTS.c.workflow, REQUESTS.c.extra, RUNS.c.targets]
    item: ColumnElement[str] = literal("[")
    for index, part in enumerate(parts):
        item = item.concat(literal(",") if index else literal("")).concat(part)
    items = (
        _of(user, select(item.concat(literal("]")).label("item")).join_from(RUNS, REQUESTS))
        .where(RUNS.c.state == state)
        .order_by(RUNS.c.priority.desc(), cast(RUNS.c.number, Double), RUNS.c.sequence)
        .subquery()
    )
    return select(func.coalesce(literal("[").concat(aggregate_strings(items.c.item, ",")).concat(literal("]")), "[]"))


def read(connection: Connection, query: Select[Any]) -> list[RunRecord]:
    """Return the records that a query of ``runs`` finds, with their artifacts."""
    rows = connection.execute(query).all()
    finished = [row.sequence for row in rows if row.state not in _OPEN]
    artifacts = _artifacts(connection, finished)
    return [_record(row, artifacts.get(row.sequence, ())) for row in rows]


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
    state = RunState(row.state)
    conclusion = None
    if state.is_final:
        texts = {"outputs": row.outputs or "{}", "status": row.status or "{}", "meta": row.meta or "{}"}
        conclusion = Conclusion(row.id, state, row.finished, artifacts=tuple(artifacts), **texts)
    submission = Submission(
        id=row.id,
        user=row.user,
        number=json.loads(row.number),
        workflow=row.workflow,
        extra=row.extra,
        targets=tuple(json.loads(row.targets)),
        priority=row.priority,
        client_id=row.client_id,
        idempotency_key=row.idempotency_key,
        digest=row.digest,
        created=row.created,
    )
    return RunRecord(
        sequence=row.sequence,
        submission=submission,
        state=state,
        attempts=row.attempts,
        worker=row.worker,
        leased_until=row.leased_until,
        started=row.started,
        conclusion=conclusion,
    )
