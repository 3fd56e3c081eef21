"""Settings that a canvas keeps for its user."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse, read_json, read_object
from inhouse.server.responses import documented, empty, json_value
from inhouse.server.user_settings import UserSettings

_ANSWERS = {
    200: {"description": "It is kept."},
    **documented(
        told={
            400: "The body is not the JSON that is wanted.",
            413: "The settings are too large.",
            507: "The disk is full; nothing was changed.",
        }
    ),
}


def routes(settings: UserSettings) -> APIRouter:
    """Return the routes of users' settings."""
    router = APIRouter()

    @router.get("/settings", summary="Show all settings", response_model=dict[str, Any])
    def everything(caller: Caller) -> Response:
        return JsonResponse(settings.of(caller.user))

    @router.get("/settings/{key}", summary="Show a setting, `null` if there is none", response_model=Any)
    def one(key: str, caller: Caller) -> Response:
        return json_value(settings.of(caller.user).get(unquote(key)))

    @router.post(
        "/settings",
        summary="Change settings",
        response_class=Response,
        responses=_ANSWERS,
        openapi_extra=_body("object"),
    )
    async def change(request: Request, caller: Caller) -> Response:
        values = await read_object(request)
        await run_in_threadpool(settings.change, caller.user, values)
        return empty()

    @router.post(
        "/settings/{key}",
        summary="Change a setting",
        response_class=Response,
        responses=_ANSWERS,
        openapi_extra=_body(),
    )
    async def change_one(key: str, request: Request, caller: Caller) -> Response:
        value = await read_json(request)
        await run_in_threadpool(settings.change, caller.user, {unquote(key): value})
        return empty()

    return router


def _body(kind: str | None = None) -> dict[str, Any]:
    schema = {"type": kind} if kind else {}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
