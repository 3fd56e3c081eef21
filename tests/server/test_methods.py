from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from inhouse.server.methods import Methods


def client() -> TestClient:
    app = FastAPI()

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]), headers={"x-known": "1"})

    @app.post("/post")
    def post() -> None:
        return None

    app.add_middleware(Methods)
    return TestClient(app)


def test_head_is_get_without_the_body() -> None:
    response = client().head("/stream")
    assert (response.status_code, response.content, response.headers["x-known"]) == (200, b"", "1")
    assert client().get("/stream").content == b"ab"


def test_options_are_answered_everywhere() -> None:
    assert client().options("/post").status_code == 200
    assert client().options("/post").content == b""
