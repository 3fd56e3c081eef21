"""``/prompt``: hand in a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.routing import Route

from inhouse.compat.admission import read_body
from inhouse.errors import RequestError
from inhouse.server.identity import Caller, identity_of
from inhouse.server.json_body import JsonResponse
from inhouse.server.responses import documented

if TYPE_CHECKING:
    from inhouse.server.runs import Runs


def submission(runs: Runs) -> Route:
    """Return the route on which a workflow is handed in, for who goes there directly."""

    async def submit(request: Request) -> Response:
        key = request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= _LONGEST_KEY:
            raise RequestError(f"An idempotency key has 1 to {_LONGEST_KEY} characters.", hint="Use a UUID.")
        accepted = await runs.accept(await identity_of(request), read_body(await request.body()), key)
        return JsonResponse(
            {"prompt_id": accepted.prompt_id, "number": accepted.number, "node_errors": accepted.node_errors}
        )

    return Route("/prompt", submit, methods=["POST"])


def routes(runs: Runs) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["runs"])
    submit = submission(runs).endpoint
    router.post("/prompt", summary="Run a workflow", openapi_extra=_REQUEST, responses=_ANSWERS)(submit)

    @router.get("/prompt", summary="How many of my runs are left", response_model=dict[str, dict[str, int]])
    def remaining(caller: Caller) -> Response:
        return JsonResponse({"exec_info": {"queue_remaining": runs.remaining(caller.user)}})

    return router


_LONGEST_KEY = 200
_REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same request under the same key runs once.",
            "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["prompt"],
                    "properties": {
                        "prompt": {
                            "type": "object",
                            "description": "The workflow in ComfyUI's API format: nodes by id.",
                            "additionalProperties": {
                                "type": "object",
                                "required": ["class_type", "inputs"],
                                "properties": {
                                    "class_type": {"type": "string"},
                                    "inputs": {"type": "object"},
                                    "_meta": {"type": "object"},
                                },
                            },
                        },
                        "client_id": {"type": "string", "description": "The WebSocket that hears of the run."},
                        "prompt_id": {"type": "string", "description": "The run's id; one is made up without it."},
                        "number": {"type": "number", "description": "Its place in the queue; the lowest goes first."},
                        "front": {"type": "boolean", "description": "Go before all that wait."},
                        "priority": {"type": "integer", "description": "Higher goes first among your own runs."},
                        "partial_execution_targets": {"type": "array", "items": {"type": "string"}},
                        "extra_data": {"type": "object", "description": "Kept with the run, and in its pictures."},
                    },
                },
                "example": {
                    "prompt": {"1": {"class_type": "PrimitiveInt", "inputs": {"value": 7}}},
                    "client_id": "my-client",
                },
            }
        },
    },
}
_ANSWERS = documented(
    told={
        400: "The workflow is at fault; every fault is named.",
        409: "The key or the id was used for another run.",
        503: "It cannot be stored now; nothing that was accepted before is lost.",
    }
)
