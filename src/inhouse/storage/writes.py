"""What is written, as data: which statements, with which rows, about which runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Executable,
    Select,
    String,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.types import BigInteger, Double, Integer

from inhouse.storage.records import Conclusion, RunState, Submission
from inhouse.storage.schema import ARTIFACTS, REQUESTS, RUNS
from inhouse.storage.texts import is_storable, storable

_THIS = RUNS.c.id == bindparam("run_id")
# No IN: SQLAlchemy expands its list for each row, so that many rows could not go at once.
_IS_OPEN = or_(RUNS.c.state == RunState.QUEUED.value, RUNS.c.state == RunState.RUNNING.value)
_OPEN_ONE = and_(_THIS, _IS_OPEN)


@dataclass(frozen=True, slots=True)
class Kind:
    """A way of writing. Many writes of one kind cost little more than one.

    Attributes:
        statements: done in this order, each with all its rows.
        proof: finds a row if a write was made already; takes the parameters of its first row.
        repeatable: whether a loss of power may take it: the run would only be run again. The death of a process never
            takes anything that was committed.
        lasting: whether the statements are there for good, so that it pays to prepare them.

    """

    statements: tuple[Executable, ...]
    proof: Select[Any] | None = None
    repeatable: bool = False
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Write:
    """One thing to write, or nothing but a place in the order.

    Attributes:
        kind: how.
        rows: parameters for each statement of the kind.
        run_ids: the runs it is about; writes about the same run stay in their order.

    """

    kind: Kind
    rows: tuple[Sequence[dict[str, Any]], ...] = ()
    run_ids: frozenset[str] = frozenset()


_INSERT_ARTIFACT = insert(ARTIFACTS).from_select(
    [column.name for column in ARTIFACTS.c],
    select(
        RUNS.c.sequence,
        *(
            bindparam(name, type_=kind)
            for name, kind in (
                ("place", Integer()),
                ("node_id", String()),
                ("kind", String()),
                ("subfolder", String()),
                ("filename", String()),
                ("bytes", BigInteger()),
            )
        ),
    ).where(
        _THIS,
        RUNS.c.finished == bindparam("at", type_=Double()),  # of the conclusion that counted
        RUNS.c.status.is_not(None),  # which a cancellation that came before has not
        ~exists().where(ARTIFACTS.c.sequence == RUNS.c.sequence, ARTIFACTS.c.place == bindparam("place")),
    ),
)

NOTHING = Kind(())
SUBMIT = Kind(
    (insert(RUNS), insert(REQUESTS)),
    proof=select(RUNS.c.sequence).where(RUNS.c.id == bindparam("id"), RUNS.c.sequence == bindparam("sequence")),
)
LEASE = Kind(
    (
        update(RUNS)
        .where(_OPEN_ONE)
        .values(
            state=RunState.RUNNING.value,
            worker=bindparam("by"),
            attempts=bindparam("attempt"),
            started=bindparam("at"),
            leased_until=bindparam("until"),
        ),
    ),
    repeatable=True,
)
EXTEND = Kind(
    (update(RUNS).where(_THIS, RUNS.c.state == RunState.RUNNING.value).values(leased_until=bindparam("until")),),
    repeatable=True,
)
REQUEUE = Kind(
    (update(RUNS).where(_OPEN_ONE).values(state=RunState.QUEUED.value, worker=None, started=None, leased_until=None),),
    repeatable=True,
)
CANCEL = Kind(
    (
        update(RUNS)
        .where(_THIS, RUNS.c.state == RunState.QUEUED.value)
        .values(state=RunState.CANCELLED.value, finished=bindparam("at"), leased_until=None),
    )
)
CONCLUDE = Kind(
    (
        update(RUNS)
        .where(_OPEN_ONE)
        .values(
            state=bindparam("became"),
            finished=bindparam("at"),
            leased_until=None,
            # A run that was short may never have been leased.
            worker=func.coalesce(bindparam("by", type_=String()), RUNS.c.worker),
            attempts=func.coalesce(bindparam("attempt", type_=Integer()), RUNS.c.attempts),
            started=func.coalesce(bindparam("began", type_=Double()), RUNS.c.started),
            outputs=bindparam("shows"),
            status=bindparam("told"),
            meta=bindparam("about"),
            # ComfyUI's history does not show what was cancelled before it ran.
            shown=case(
                (
                    or_(
                        bindparam("became", type_=String()) != RunState.CANCELLED.value,
                        func.coalesce(bindparam("began", type_=Double()), RUNS.c.started).is_not(None),
                    ),
                    True,
                ),
                else_=False,
            ),
        ),
        _INSERT_ARTIFACT,
    ),
    repeatable=True,
)
DELETE = Kind((delete(RUNS).where(_THIS, not_(_IS_OPEN)),))


def submit(run: Submission, sequence: int) -> Write:
    """Accept a run."""
    row = {
        "sequence": sequence,
        "id": run.id,
        "user": run.user,
        "number": json.dumps(run.number, allow_nan=False),
        "priority": run.priority,
        "targets": json.dumps(run.targets),
        "client_id": run.client_id,
        "idempotency_key": run.idempotency_key,
        "digest": run.digest,
        "created": run.created,
        "state": RunState.QUEUED.value,
        "attempts": 0,
        "shown": False,
    }
    request = {"sequence": sequence, "workflow": run.workflow, "extra": run.extra}
    return Write(SUBMIT, ([row], [request]), frozenset([run.id]))


def lease(run_id: str, worker: str, attempt: int, started: float, until: float) -> Write:
    """Give a run to a worker."""
    row = {"run_id": run_id, "by": worker, "attempt": attempt, "at": started, "until": until}
    return Write(LEASE, ([row],), frozenset([run_id]))


def conclude(conclusion: Conclusion) -> Write:
    """End a run, and keep what it made; a second conclusion changes nothing.

    Nodes write what they like: a run must end even if that cannot be stored word for word.
    """
    row = {
        "run_id": conclusion.run_id,
        "became": conclusion.state.value,
        "at": conclusion.finished,
        "shows": storable(conclusion.outputs),
        "told": storable(conclusion.status),
        "about": storable(conclusion.meta),
        "by": conclusion.worker,
        "attempt": conclusion.attempts,
        "began": conclusion.started,
    }
    artifacts = [
        {
            "run_id": conclusion.run_id,
            "at": conclusion.finished,
            "place": place,
            "node_id": storable(artifact.node_id),
            "kind": storable(artifact.kind),
            "subfolder": storable(artifact.subfolder),
            "filename": storable(artifact.filename),
            "bytes": artifact.bytes,
        }
        for place, artifact in enumerate(conclusion.artifacts)
    ]
    return Write(CONCLUDE, ([row], artifacts), frozenset([conclusion.run_id]))


def for_each(kind: Kind, run_ids: Sequence[str], **parameters: Any) -> Write:
    """Do the same to several runs."""
    rows = [{"run_id": run_id, **parameters} for run_id in run_ids if is_storable(run_id)]  # the others are nobody's
    return Write(kind, (rows,), frozenset(run_ids))


def hide(user: str | None, run_ids: Sequence[str] | None) -> Write:
    """Take runs out of the history: these, or all; one user's, or anybody's."""
    statement = update(RUNS).where(RUNS.c.shown).values(shown=False)
    if user is not None:
        statement = statement.where(RUNS.c.user == user)
    if run_ids is None:
        return Write(Kind((statement,), lasting=False), ([{}],))
    return for_each(Kind((statement.where(_THIS),), lasting=False), run_ids)
