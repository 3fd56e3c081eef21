"""Whoever watches over the gateway learns how it is."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from inhouse.errors import ForbiddenError, StorageError
from inhouse.server.identity import Identity
from inhouse.server.metrics import Metrics
from inhouse.server.routes.health import Check, routes


def client(who: Identity | None = None, **checks: Check) -> TestClient:
    app = FastAPI()
    metrics = Metrics()
    metrics.run_accepted()
    app.include_router(routes(metrics, checks, seconds=0.05))

    @app.exception_handler(ForbiddenError)
    def refuse(_: Request, error: ForbiddenError) -> JSONResponse:
        return JSONResponse(error.as_dict(), 403)

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        if who is not None:
            scope["state"] = {"identity": who}
        await app(scope, receive, send)

    return TestClient(gate)


async def fine() -> str:
    return ""


async def broken() -> str:
    raise StorageError("Cannot write postgresql://secret@db.")


async def hanging() -> str:
    await asyncio.Event().wait()
    return ""


async def busy() -> str:
    return "no worker is ready"


def test_the_process_is_up_whatever_else_is_not() -> None:
    answer = client(storage=broken).get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_is_ready_if_everything_works() -> None:
    answer = client(storage=fine, workers=fine).get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "reasons": {}})


def test_it_is_not_ready_if_anything_fails_or_hangs_and_tells_strangers_no_secret() -> None:
    answer = client(storage=broken, disk=hanging, files=fine, workers=busy).get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unready",
        "reasons": {"storage": "storage_error", "disk": "does not answer", "workers": "no worker is ready"},
    }


def test_metrics_are_for_admins() -> None:
    answer = client(Identity("ann", admin=True)).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "inhouse_runs_accepted_total 1.0" in answer.text
    assert client(Identity("bob")).get("/metrics").json()["code"] == "forbidden"
