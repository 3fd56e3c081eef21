"""``/queue``, ``/interrupt``, ``/free``: what waits and runs, and how to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from inhouse.errors import RequestError
from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse, read_json, read_object
from inhouse.server.responses import documented

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inhouse.server.runs import Runs


def routes(runs: Runs, free: Callable[[bool, bool], Awaitable[None]]) -> APIRouter:
    """Return the routes.

    Args:
        runs: what waits and runs.
        free: unloads models, and clears caches, of all workers.

    """
    router = APIRouter(tags=["runs"])

    @router.get("/queue", summary="My runs that wait and run")
    async def listing(caller: Caller) -> Response:
        return JsonResponse(await runs.listing(caller))

    @router.post("/queue", summary="Cancel runs of mine that wait", openapi_extra=body_of(_DELETION), responses=_BAD)
    async def change(request: Request, caller: Caller) -> Response:
        body = await read_object(request)
        if body.get("clear"):
            await runs.clear(caller)
        if body.get("delete"):
            await runs.cancel(caller, ids(body["delete"]), running=False)
        return Response()

    @router.post(
        "/interrupt", summary="Stop what runs for me", openapi_extra=body_of(_ONE, required=False), responses=_BAD
    )
    async def interrupt(request: Request, caller: Caller) -> Response:
        body = await _whatever(request)
        run_id = body.get("prompt_id")
        runs.interrupt(caller, None if run_id is None else str(run_id))
        return Response()

    @router.post("/free", summary="Unload models, clear caches", openapi_extra=body_of(_FREEING), responses=_BAD)
    async def free_memory(request: Request, caller: Caller) -> Response:  # noqa: ARG001 - whoever may run may free
        body = await read_object(request)
        memory = bool(body.get("free_memory"))
        await free(memory or bool(body.get("unload_models")), memory)
        return Response()

    return router


def ids(value: Any) -> list[str]:
    """Return a list of ids from a request.

    Raises:
        RequestError: it is none.

    """
    if not isinstance(value, list):
        raise RequestError(f"A list of ids is wanted, not {value!r:.40}.")
    return [str(item) for item in value]


async def _whatever(request: Request) -> dict[str, Any]:
    """Return the body of an interruption, which may be missing or no JSON, as it always could."""
    try:
        body = await read_json(request, empty={})
    except RequestError:
        return {}
    if isinstance(body, dict):
        return body
    raise RequestError("An interruption is a JSON object, or nothing.")


def body_of(properties: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """Return how a route documents the JSON object that it reads by itself."""
    schema = {"type": "object", "properties": properties}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def ids_schema() -> dict[str, Any]:
    """Return the schema of a list of ids."""
    return {"type": "array", "items": {"type": "string"}}


_DELETION = {"clear": {"type": "boolean"}, "delete": ids_schema()}
_ONE = {"prompt_id": {"type": "string"}}
_FREEING = {"unload_models": {"type": "boolean"}, "free_memory": {"type": "boolean"}}
_BAD = documented(told={400: "The request is malformed."})
