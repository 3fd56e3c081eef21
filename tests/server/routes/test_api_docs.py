"""The API's description is served to programs and to people."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient

from inhouse.server.routes.api_docs import routes


def test_both_descriptions_tell_of_every_route_but_their_own() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    others = APIRouter()

    @others.get("/queue", summary="What waits")
    def queue() -> dict[str, int]:
        return {}

    app.include_router(routes(app))
    app.include_router(others)
    client = TestClient(app)
    document = client.get("/openapi.json").json()
    assert list(document["paths"]) == ["/queue"]
    assert document["info"]["title"] == "Inhouse"
    page = client.get("/api-docs")
    assert "What waits" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
