"""The API's description: for programs at ``/openapi.json``, for people at ``/api-docs``."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from inhouse.server.api_docs import describe
from inhouse.server.api_page import api_page
from inhouse.server.pages import page


def routes(app: FastAPI) -> APIRouter:
    """Return the routes that describe all routes of ``app`` but themselves."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    def openapi() -> JSONResponse:
        return JSONResponse(describe(app))

    @router.get("/api-docs")
    def read() -> HTMLResponse:
        return page("Inhouse: the API", api_page(describe(app)))

    return router
