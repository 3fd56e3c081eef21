"""Calls of services that go ahead of the framework."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from tests.published import Bench, FakeTarget, FakeTargets

from inhouse.errors import DeadlineError, OverloadedError
from inhouse.server.identity import Identity
from inhouse.server.services.directory import Services
from inhouse.server.services.front import Front
from inhouse.storage.publishing import publish_artifact
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Version

BODY = {"inputs": {"texts": ["a", "b"]}}


async def framework(request: Request) -> Response:
    return Response(f"framework: {request.method} {request.url.path}")


@dataclass
class House:
    """A front, and what lies behind it."""

    client: TestClient
    targets: FakeTargets
    routes: list[str]

    @property
    def target(self) -> FakeTarget:
        return self.targets.made["minilm", 1]

    def ask(self, path: str = "/services/minilm", body: Any = BODY, **headers: str) -> tuple[int, Any]:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.post(path, content=sent, headers={"content-type": "application/json", **named})
        return answer.status_code, answer.json() if answer.text.startswith(("{", "[")) else answer.text


@contextmanager
def opened(folder: Path, max_bytes: int = 1000) -> Iterator[House]:
    bench, targets = Bench.at(folder), FakeTargets()
    store = ServiceStore(folder / "services")
    publish_artifact(store, "minilm", bench.artifact(), bench.trust, Version(0, "artifact"))
    services = Services(store, targets, budget=1000)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await services.start()
        yield
        await services.stop()

    behind = Starlette(routes=[Route("/{path:path}", framework, methods=["GET", "POST", "DELETE"])], lifespan=lifespan)
    front, routes = Front(behind, services, max_bytes), list[str]()

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {**scope.get("state", {}), "identity": Identity("ann")}
        await front(scope, receive, send)
        if scope["type"] == "http":
            routes.append(getattr(scope.get("route"), "path", ""))

    with TestClient(gate) as client:
        yield House(client, targets, routes)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path) as house:
        yield house


def test_a_call_is_answered_and_counted_under_its_route(house: House) -> None:
    assert house.ask() == (200, {"outputs": {"embeddings": 1}, "version": 1})
    assert house.routes == ["/services/{name}"]
    (call,) = house.target.calls
    assert (call.user, call.rows, call.inputs) == ("ann", 2, {"texts": ["a", "b"]})


def test_what_headers_say_is_heard(house: House) -> None:
    status, _ = house.ask(inhouse_version="1", inhouse_deadline_ms="5000", inhouse_canary_key="me")
    (call,) = house.target.calls
    assert (status, call.version, call.sticky) == (200, 1, "me")
    assert call.deadline < float("inf")
    assert house.ask(inhouse_version="one")[0] == 422
    assert house.ask(inhouse_version="7")[0] == 404


def test_what_does_not_fit_is_named_field_by_field(house: House) -> None:
    status, told = house.ask(body={"inputs": {"texts": ["a", 7]}})
    assert (status, told["error"]["type"]) == (422, "inputs_invalid")
    assert list(told["error"]["extra_info"]["fields"]) == ["inputs.texts.1"]
    assert house.ask(body=b"{")[0] == 400
    assert house.ask("/services/nobody")[0] == 404


def test_who_is_overloaded_says_when_to_come_again(house: House) -> None:
    house.target.error = OverloadedError("Too much.", seconds=2.2)
    answer = house.client.post("/services/minilm", json=BODY)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.json()["error"]["type"] == "overloaded"
    house.target.error = DeadlineError("Too late.")
    assert house.ask()[0] == 504


def test_a_fault_of_our_own_is_told_without_its_cause(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.target.error = RuntimeError("secret")
    with caplog.at_level(logging.CRITICAL):
        status, told = house.ask()
    assert status == 500
    assert "secret" not in json.dumps(told)


def test_bodies_beyond_the_limit_are_refused(house: House) -> None:
    status, told = house.ask(body={"inputs": {"texts": ["a" * 1000]}})
    assert (status, told["error"]["type"]) == (413, "too_large")

    def parts() -> Iterator[bytes]:
        yield from [b" " * 400] * 3

    assert house.client.post("/services/minilm", content=parts()).status_code == 413
    pieces = iter([json.dumps(BODY).encode()[:9], json.dumps(BODY).encode()[9:]])
    assert house.client.post("/services/minilm", content=pieces).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/services/minilm?stream=true", {}),
        ("/services/minilm/routing", {}),
        ("/services/", {}),
        ("/services/minilm", {"accept": "text/event-stream"}),
        ("/services/minilm", {"prefer": "respond-async"}),
        ("/services/minilm", {"content-type": "image/png"}),
        ("/v2/models/minilm/load", {}),
        ("/v2/models/minilm/versions/x/infer", {}),
    ],
)
def test_all_else_is_the_frameworks(house: House, path: str, headers: dict[str, str]) -> None:
    answer = house.client.post(path, content=b"{}", headers={"content-type": "application/json", **headers})
    assert answer.text.startswith("framework: POST")
    assert house.client.get("/services/minilm").text == "framework: GET /services/minilm"


def test_the_open_inference_protocol(house: House) -> None:
    tensor = {"name": "texts", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
    for path in ("/v2/models/minilm/infer", "/v2/models/minilm/versions/1/infer"):
        status, told = house.ask(path, {"inputs": [{**tensor, "shape": [3]}]})
        assert (status, list(told)) == (422, ["error"])
        house.target.error = OverloadedError("Too much.")
        assert house.ask(path, {"inputs": [tensor]}) == (429, {"error": "Too much."})
    assert [call.version for call in house.target.calls] == [None, 1]
    assert set(house.routes) == {"/v2/models/{name}/infer"}


def test_openais_protocol(house: House) -> None:
    house.target.error = OverloadedError("Too much.")
    status, told = house.ask("/v1/embeddings", {"model": "minilm", "input": "a"})
    assert (status, told["error"]["type"]) == (429, "rate_limit_error")
    status, told = house.ask("/v1/embeddings", {"model": "nobody", "input": "a"})
    assert (status, told["error"]["code"]) == (404, "model_not_found")
    status, told = house.ask("/v1/embeddings", {"model": "minilm", "input": 7})
    assert (status, told["error"]["param"]) == (422, "input")
