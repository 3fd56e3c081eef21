"""Who uses the gateway."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from inhouse.errors import RequestError
from inhouse.server.errors import refusal
from inhouse.server.json_body import JsonResponse, read_object
from inhouse.server.responses import documented, json_value
from inhouse.server.user_directory import UserDirectory


class Users(BaseModel):
    """Who there is; without ``users`` everybody is who their access token says."""

    storage: str
    migrated: bool | None = None
    users: dict[str, str] | None = None


class Duplicate(BaseModel):
    """Why a user was not added."""

    error: str


_UNREADABLE = documented(told={503: "The list of users is broken; the server's log says how."})
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"username": {"type": "string"}}, "required": ["username"]}
            }
        },
    }
}


def routes(directory: UserDirectory) -> APIRouter:
    """Return the routes of the directory of users."""
    router = APIRouter()

    @router.get("/users", summary="Show the users", response_model=Users, responses=_UNREADABLE)
    def show() -> Response:
        if directory.several:
            return JsonResponse({"storage": "server", "users": directory.names()})
        return JsonResponse({"storage": "server", "migrated": True})

    @router.post(
        "/users",
        summary="Add a user",
        response_model=str,
        responses={
            400: {"description": "The name is taken.", "model": Duplicate},
            **_UNREADABLE,
            **documented(
                told={413: "The body is too large.", 422: "Nobody can have that name.", 507: "The disk is full."},
            ),
        },
        openapi_extra=_BODY,
    )
    async def add(request: Request) -> Response:
        try:
            name = (await read_object(request)).get("username")
            if not isinstance(name, str):
                raise RequestError("The body names no user.", hint='Send {"username": "Ann"}.')  # noqa: TRY301
            return json_value(await run_in_threadpool(directory.add, name))
        except FileExistsError:
            return JsonResponse({"error": "Duplicate username."}, 400)
        except RequestError as error:
            return refusal(error, 422)

    return router
