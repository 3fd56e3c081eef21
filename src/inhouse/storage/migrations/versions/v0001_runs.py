"""Runs, what was asked for, and the files they made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    _make_runs(sequence)
    op.create_table(
        "requests",
        sa.Column("sequence", sequence, primary_key=True, autoincrement=False),
        sa.Column("workflow", sa.Text, nullable=False, comment="JSON"),
        sa.Column("extra", sa.Text, nullable=False, comment="JSON"),
        sa.ForeignKeyConstraint(["sequence"], ["runs.sequence"], ondelete="CASCADE"),
    )
    op.create_table(
        "artifacts",
        sa.Column("sequence", sequence, nullable=False),
        sa.Column("place", sa.Integer, nullable=False, comment="among those of its run"),
        sa.Column("node_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subfolder", sa.String, nullable=False),
        sa.Column("filename", sa.String, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sequence", "place"),
        sa.ForeignKeyConstraint(["sequence"], ["runs.sequence"], ondelete="CASCADE"),
    )
    op.create_index("artifacts_filename", "artifacts", ["filename"])


def _make_runs(sequence: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "runs",
        sa.Column("sequence", sequence, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("user", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False, comment="as JSON: 190 is not 190.0"),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("targets", sa.Text, nullable=False, comment="JSON list of node ids"),
        sa.Column("client_id", sa.String),
        sa.Column("idempotency_key", sa.String),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("worker", sa.String),
        sa.Column("leased_until", sa.Double),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("shown", sa.Boolean(create_constraint=False), nullable=False, comment="whether it is in the history"),
        sa.Column("outputs", sa.Text, comment="JSON"),
        sa.Column("status", sa.Text, comment="JSON"),
        sa.Column("meta", sa.Text, comment="JSON"),
    )
    op.create_index("runs_id", "runs", ["id"], unique=True)
    op.create_index("runs_state", "runs", ["state", "user", "sequence"])
    op.create_index("runs_finished", "runs", ["finished", "sequence"])
    keyed = sa.text("idempotency_key IS NOT NULL")
    op.create_index(
        "runs_key", "runs", ["user", "idempotency_key"], unique=True, sqlite_where=keyed, postgresql_where=keyed
    )
