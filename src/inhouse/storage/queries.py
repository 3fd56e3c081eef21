"""What is read, and how rows become records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, LargeBinary, Select, cast, func, literal, select, type_coerce
from sqlalchemy.sql.functions import aggregate_strings
from sqlalchemy.types import NullType

from inhouse.storage.records import Artifact, Conclusion, RunRecord, RunState, Submission
from inhouse.storage.schema import ARTIFACTS, REQUESTS, RUNS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

_CHUNK = 1000
"""How many values a statement lists; SQLite takes 32,766."""
_OPEN = (RunState.QUEUED, RunState.RUNNING)
IS_FINAL = RUNS.c.state.not_in(_OPEN)
"""Which runs have ended."""
_NEXT_FIRST = (RUNS.c.priority.desc(), cast(RUNS.c.number, Double), RUNS.c.sequence)
_ITEM = "[%s,%s,%s,%s,%s]"
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


def queue_items(connection: Connection, user: str | None, state: RunState, without: Sequence[str] = ()) -> bytes:
    """Return, in UTF-8, the JSON list of ComfyUI's queue items, the next run first.

    The database puts it together: ten thousand workflows never become Python objects.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    found = connection.scalar((_items_on_sqlite if on_sqlite else _items_on_postgresql)(user, state, without)) or ""
    return b"[%b]" % (found if isinstance(found, bytes) else found.encode())


def _items_on_sqlite(user: str | None, state: RunState, without: Sequence[str]) -> Select[Any]:
    keys = select(RUNS.c.sequence, RUNS.c.number, RUNS.c.id, RUNS.c.targets)
    chosen = _of(user, keys).where(RUNS.c.state == state, RUNS.c.id.not_in(without))
    waiting = chosen.order_by(*_NEXT_FIRST).subquery()
    item = func.printf(_ITEM, *_parts(waiting.c, func.json_quote(waiting.c.id)))
    # An outer join keeps the order of what it is outer to. No text takes part in the sorting.
    joined = select(type_coerce(cast(aggregate_strings(item, ","), LargeBinary), NullType))  # which copies nothing
    return joined.outerjoin_from(waiting, REQUESTS, waiting.c.sequence == REQUESTS.c.sequence)


def _items_on_postgresql(user: str | None, state: RunState, without: Sequence[str]) -> Select[Any]:
    item = func.format(_ITEM, *_parts(RUNS.c, func.to_json(RUNS.c.id)))
    waiting = _of(user, select(item.label("item")).join_from(RUNS, REQUESTS)).where(
        RUNS.c.state == state, RUNS.c.id.not_in(without)
    )
    return select(aggregate_strings(waiting.order_by(*_NEXT_FIRST).subquery().c.item, ","))


def _parts(runs: Any, quoted_id: ColumnElement[str]) -> tuple[ColumnElement[str], ...]:
    return runs.number, quoted_id, REQUESTS.c.workflow, REQUESTS.c.extra, runs.targets


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
