"""Calls of services that are answered later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "service_jobs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("user", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("version", sa.Integer, comment="that was asked for"),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("request", sa.Text, nullable=False, comment="JSON"),
        sa.Column("result", sa.Text, comment="JSON: what was answered, or the error"),
    )
    op.create_index("service_jobs_finished", "service_jobs", ["finished"])
