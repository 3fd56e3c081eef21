from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from inhouse.server import errors
from inhouse.server.body_limit import BodyLimit

LIMIT = 1000


@pytest.fixture
def received() -> list[int]:
    return []


@pytest.fixture
def client(received: list[int]) -> TestClient:
    app = FastAPI()
    errors.install(app)

    @app.post("/body")
    async def body(request: Request) -> int:
        received.append(len(await request.body()))
        return received[-1]

    @app.post("/form")
    async def form(request: Request) -> int:
        async with request.form() as fields:
            return len(fields)

    @app.post("/deaf")
    async def deaf() -> str:
        return "fine"

    app.add_middleware(BodyLimit, max_bytes=LIMIT)
    return TestClient(app, raise_server_exceptions=False)


def in_parts(size: int) -> Iterator[bytes]:
    """Yield a body whose size is told nowhere."""
    for start in range(0, size, 100):
        yield b"x" * min(100, size - start)


def test_a_body_of_the_largest_size_comes_through(client: TestClient) -> None:
    assert client.post("/body", content=b"x" * LIMIT).json() == LIMIT
    assert client.post("/body", content=in_parts(LIMIT)).json() == LIMIT


@pytest.mark.parametrize("path", ["/body", "/form"])
def test_a_larger_one_is_refused_whether_or_not_it_says_its_size(
    client: TestClient, received: list[int], path: str
) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"} if path == "/form" else {}
    for content in (b"x" * (LIMIT + 1), in_parts(LIMIT + 1)):
        response = client.post(path, content=content, headers=headers)
        assert (response.status_code, response.json()["error"]["type"]) == (413, "too_large")
    assert received == []


def test_a_lie_about_the_size_does_not_help(client: TestClient) -> None:
    response = client.post("/body", content=in_parts(LIMIT + 1), headers={"content-length": "5"})
    assert response.status_code == 413


def test_a_route_that_reads_no_body_answers(client: TestClient) -> None:
    assert client.post("/deaf", content=in_parts(LIMIT)).json() == "fine"


@pytest.mark.parametrize("headers", [{}, {"expect": "100-continue"}, {"content-length": "9" * 400}])
def test_a_client_that_sends_first_and_reads_later_gets_its_answer(headers: dict[str, str]) -> None:
    """The rest of a body that is not much too large is read and thrown away; else nothing more is asked for."""
    parts = [{"type": "http.request", "body": b"x" * 100, "more_body": left > 0} for left in range(14, -1, -1)]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["more_body"]:
            pass

    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(BodyLimit(app, LIMIT)({"type": "http", "headers": encoded}, receive, send))
    assert sent[0]["status"] == 413
    assert len(parts) == {"": 0, "expect": 4, "content-length": 15}[next(iter(headers), "")]
