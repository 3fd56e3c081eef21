"""``/inhouse/overview``: what the canvas's Inhouse tab shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse

if TYPE_CHECKING:
    from inhouse.server.overview import Overview


def routes(overview: Overview) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["machine"])

    @router.get("/inhouse/overview", summary="My runs, and how the workers are", response_model=dict[str, Any])
    async def show(caller: Caller) -> Response:
        return JsonResponse(await overview.of(caller))

    return router
