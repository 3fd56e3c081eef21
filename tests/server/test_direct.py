from typing import Any

import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from inhouse.errors import RequestError, RunConflictError
from inhouse.server import errors
from inhouse.server.direct import Direct


def _clients(failure: Exception | None) -> tuple[TestClient, TestClient]:
    """Return the direct way and the framework's to one endpoint."""

    async def endpoint(request: Request) -> Response:
        if failure is not None:
            raise failure
        return PlainTextResponse(await request.body())

    app = FastAPI()
    errors.install(app)
    app.router.routes.append(Route("/run", endpoint, methods=["POST"]))
    direct = Direct(app, [Route("/run", endpoint, methods=["POST"])])
    return TestClient(direct, raise_server_exceptions=False), TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    "failure",
    [
        None,
        RequestError("No.", hint="Try another."),
        RunConflictError("Twice."),
        HTTPException(409, "busy"),
        ClientDisconnect(),
        ZeroDivisionError("secret"),
    ],
    ids=repr,
)
def test_an_answer_is_that_of_the_longer_way(failure: Exception | None) -> None:
    direct, whole = (client.post("/run", content=b"hello") for client in _clients(failure))
    assert (direct.status_code, direct.content, direct.headers) == (whole.status_code, whole.content, whole.headers)
    assert b"secret" not in direct.content


def test_all_else_goes_the_longer_way() -> None:
    direct, whole = _clients(None)
    for method, path in (("GET", "/run"), ("POST", "/run/"), ("POST", "/other")):
        assert direct.request(method, path).status_code == whole.request(method, path).status_code


def test_it_is_counted_under_its_route() -> None:
    seen: list[Any] = []
    direct, _ = _clients(None)

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        await direct.app(scope, receive, send)
        seen.append(scope["route"].path)

    TestClient(counting).post("/run")
    assert seen == ["/run"]
