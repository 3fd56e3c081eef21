"""What tests of the server share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.gateway import Gateway

from inhouse.server.token_file import new_token


@dataclass(frozen=True, slots=True)
class People:
    """A gateway as two users and an admin see it, and as somebody does who has no token."""

    ann: Gateway
    ben: Gateway
    admin: Gateway
    nobody: Gateway


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory, probes: Path) -> Iterator[People]:
    """Return a gateway of several people, the same for all tests; each leaves it idle."""
    folder = tmp_path_factory.mktemp("people")
    tokens = folder / "tokens.toml"
    ann, ben = new_token(tokens, "ann"), new_token(tokens, "ben")
    admin = new_token(tokens, "root", admin=True)
    settings = {"INHOUSE_WORKERS__RUNS_AT_ONCE": "1"}  # whose turn it is shows where one has to wait for another
    with Gateway(folder, "--custom-nodes", probes, "--tokens", tokens, token=admin, settings=settings) as running:
        yield People(running.by(ann), running.by(ben), running, running.by(""))
