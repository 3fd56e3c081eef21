from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.testclient import TestClient

from inhouse.server.cache_headers import CacheHeaders


@pytest.mark.parametrize(
    ("path", "status", "policy"),
    [
        ("/assets/a.js", 200, "no-cache"),
        ("/assets/a.css", 404, "no-cache"),
        ("/templates/index.de.json", 200, "no-cache"),
        ("/templates/other.json", 200, None),
        ("/templates/a.webp", 200, "public, max-age=86400"),
        ("/templates/a.PNG", 404, "public, max-age=3600"),
        ("/templates/a.png", 500, None),
        ("/view", 200, None),
        ("/userdata/a.png", 200, None),
        ("/api/userdata/a.png", 200, None),
    ],
)
def test_an_address_says_how_long_it_may_be_kept(path: str, status: int, policy: str | None) -> None:
    app = FastAPI()

    @app.get("/{path:path}")
    def anything(path: str) -> Response:
        return Response(path, status_code=status)

    app.add_middleware(CacheHeaders)
    assert TestClient(app).get(path).headers.get("cache-control") == policy


def test_an_answer_that_says_it_itself_is_let_be() -> None:
    app = FastAPI()

    @app.get("/a.js")
    def script() -> Response:
        return Response(headers={"cache-control": "no-store"})

    app.add_middleware(CacheHeaders)
    assert TestClient(app).get("/a.js").headers["cache-control"] == "no-store"
