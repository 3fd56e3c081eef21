"""The OpenAPI document says who we are, who may ask, and what is where."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from inhouse import __version__
from inhouse.server.api_docs import describe


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter(tags=["whatever"])

    @router.get("/healthz")
    def healthz() -> None: ...

    @router.get("/history/{run_id}", responses={404: {"description": "There is none."}})
    def history(run_id: str) -> None: ...

    @router.post("/prompt")
    def prompt() -> None: ...

    @router.get("/something/new")
    def new() -> None: ...

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)
    return app


def test_it_says_who_we_are_and_where(app: FastAPI) -> None:
    document = describe(app)
    assert document["openapi"].startswith("3.1")
    assert (document["info"]["title"], document["info"]["version"]) == ("Inhouse", __version__)
    assert document["servers"] == [{"url": "/"}, {"url": "/api"}]


def test_everything_but_health_needs_a_token(app: FastAPI) -> None:
    document = describe(app)
    assert document["security"] == [{"token": []}, {"cookie": []}]
    assert document["components"]["securitySchemes"]["cookie"]["name"] == "inhouse_token"
    assert document["paths"]["/healthz"]["get"]["security"] == []
    answers = document["paths"]["/history/{run_id}"]["get"]["responses"]
    assert {"200", "401", "403", "404"} <= set(answers)


def test_tags_come_in_reading_order_and_follow_the_path(app: FastAPI) -> None:
    document = describe(app)
    assert [tag["name"] for tag in document["tags"]] == ["runs", "results", "health", "others"]
    assert list(document["paths"]) == ["/prompt", "/history/{run_id}", "/healthz", "/something/new"]
    assert document["paths"]["/prompt"]["post"]["tags"] == ["runs"]


def test_the_document_can_be_had_again(app: FastAPI) -> None:
    first: dict[str, Any] = describe(app)
    assert describe(app) == first
