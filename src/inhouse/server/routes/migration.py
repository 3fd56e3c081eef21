"""``/services/{name}/migration``: how a canary or a shadow does beside the live version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse
from inhouse.server.responses import documented

if TYPE_CHECKING:
    from inhouse.server.services.rules import Migrations


def routes(migrations: Migrations) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["services"])

    @router.get(
        "/services/{name}/migration",
        summary="How a canary or a shadow does beside the live version",
        response_model=dict[str, Any],
        responses=documented(told={404: "There is no such service."}),
    )
    async def migration(name: str, _: Caller) -> Response:
        return JsonResponse(await migrations.status(name))

    return router
