"""A hundred kills of the gateway or a worker, under load, on each database."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import postgresql
from tests.siege import besiege

KILLS = 100


@pytest.mark.soak
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_hundred_kills_lose_no_run_and_show_none_twice(tmp_path: Path, database: str) -> None:
    if database == "sqlite":
        assert besiege(tmp_path, kills=KILLS, seed=1) >= KILLS
        return
    programs = postgresql.binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    with postgresql.server(programs) as server:
        assert besiege(tmp_path, "--storage", server.make_database()[1], kills=KILLS, seed=2) >= KILLS
