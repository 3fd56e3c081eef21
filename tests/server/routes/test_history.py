"""The history's pages."""

from __future__ import annotations

from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from inhouse.server.identity import Identity
from inhouse.server.routes.history import routes
from inhouse.server.runs import Runs


class Empty:
    """Runs of which there are none, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int | None, int | None]] = []

    async def history(self, _: Identity, limit: int | None, offset: int | None) -> list[Any]:
        self.asked.append((limit, offset))
        return []


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", [(None, None)]),
        ("max_items=3", [(3, None)]),
        ("max_items=3&offset=0", [(3, 0)]),
        ("max_items=3&offset=-1", [(3, None)]),
        ("max_items=0", []),
        ("max_items=-1&offset=1", []),
        ("max_items=99999999999999999999&offset=99999999999999999999", [(2**31, 2**31)]),
    ],
)
def test_any_page_can_be_asked_for(query: str, asked: list[tuple[int | None, int | None]]) -> None:
    runs = Empty()
    app = FastAPI()
    app.include_router(routes(cast("Runs", runs)))

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"identity": Identity("ann")}
        await app(scope, receive, send)

    answer = TestClient(gate).get(f"/history?{query}")
    assert (answer.status_code, answer.json()) == (200, {})
    assert runs.asked == asked
