"""The tables. What changes often stands apart from the texts that do not, which may be large."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

REVISION = "0002"
"""The migration that leads to these tables."""

METADATA = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # SQLite: the row's own number, if it is called INTEGER

RUNS = Table(
    "runs",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("user", String, nullable=False),
    Column("number", String, nullable=False, comment="as JSON: 190 is not 190.0"),
    Column("priority", Integer, nullable=False),
    Column("targets", Text, nullable=False, comment="JSON list of node ids"),
    Column("client_id", String),
    Column("idempotency_key", String),
    Column("digest", String, nullable=False),
    Column("created", Double, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", String),
    Column("leased_until", Double),
    Column("started", Double),
    Column("finished", Double),
    Column("shown", Boolean(create_constraint=False), nullable=False, comment="whether it is in the history"),
    Column("outputs", Text, comment="JSON"),
    Column("status", Text, comment="JSON"),
    Column("meta", Text, comment="JSON"),
)
Index("runs_id", RUNS.c.id, unique=True)
Index("runs_state", RUNS.c.state, RUNS.c.user, RUNS.c.sequence)
Index("runs_finished", RUNS.c.finished, RUNS.c.sequence)
_keyed = RUNS.c.idempotency_key.is_not(None)
Index("runs_key", RUNS.c.user, RUNS.c.idempotency_key, unique=True, sqlite_where=_keyed, postgresql_where=_keyed)

REQUESTS = Table(
    "requests",
    METADATA,
    Column(
        "sequence",
        _SEQUENCE,
        ForeignKey("runs.sequence", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("workflow", Text, nullable=False, comment="JSON"),
    Column("extra", Text, nullable=False, comment="JSON"),
)

ARTIFACTS = Table(
    "artifacts",
    METADATA,
    Column("sequence", _SEQUENCE, ForeignKey("runs.sequence", ondelete="CASCADE"), nullable=False),
    Column("place", Integer, nullable=False, comment="among those of its run"),
    Column("node_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subfolder", String, nullable=False),
    Column("filename", String, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("sequence", "place"),
)
Index("artifacts_filename", ARTIFACTS.c.filename)

SERVICE_JOBS = Table(
    "service_jobs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("user", String, nullable=False),
    Column("service", String, nullable=False),
    Column("version", Integer, comment="that was asked for"),
    Column("state", String, nullable=False),
    Column("created", Double, nullable=False),
    Column("finished", Double),
    Column("request", Text, nullable=False, comment="JSON"),
    Column("result", Text, comment="JSON: what was answered, or the error"),
)
Index("service_jobs_finished", SERVICE_JOBS.c.finished)
