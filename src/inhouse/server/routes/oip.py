"""``/v2``: services as models of the Open Inference Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from inhouse.errors import InhouseError, RequestError
from inhouse.server.json_body import JsonResponse
from inhouse.server.services.asking import about, shaped
from inhouse.server.services.oip import (
    HEADER_LENGTH,
    model_metadata,
    parse_infer,
    render_error,
    render_infer,
    server_metadata,
)
from inhouse.server.services.sse import while_connected

if TYPE_CHECKING:
    from inhouse.server.services.asking import Endpoint
    from inhouse.server.services.directory import Services

_MODEL = "/v2/models/{name}"
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string"},
        "data": {"type": "array", "items": {}},
        "parameters": {"type": "object"},
    },
}
_INFER = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "inputs": {"type": "array", "items": _TENSOR},
                        "outputs": {"type": "array", "items": {"type": "object"}},
                        "parameters": {"type": "object"},
                    },
                }
            }
        },
    }
}


def routes(services: Services) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["services"])

    def route(path: str, endpoint: Endpoint, summary: str, extra: dict[str, Any] | None = None) -> None:
        named = [
            {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
            for name, kind in (("name", "string"), ("version", "string"))
            if f"{{{name}}}" in path
        ]
        router.add_api_route(
            path,
            shaped(endpoint, lambda _error, message, _status: render_error(message)),
            methods=["POST" if extra else "GET"],
            summary=summary,
            response_model=None,
            openapi_extra={**(extra or {}), "parameters": named},
            operation_id=f"oip{path}".replace("/", "_").replace("{", "").replace("}", ""),
        )

    asked = _Models(services)
    route("/v2", asked.server, "What the server is (Open Inference Protocol)")
    route("/v2/health/live", asked.live, "Whether the server lives")
    route("/v2/health/ready", asked.live, "Whether the server takes requests")
    for model in (_MODEL, _MODEL + "/versions/{version}"):
        route(model, asked.metadata, "What a service takes and gives, as tensors")
        route(model + "/ready", asked.ready, "Whether a service answers")
        route(model + "/infer", asked.infer, "Ask a service, by tensors", _INFER)
    return router


class _Models:
    """Answers requests about models."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def server(self, _: Request) -> Response:
        return JsonResponse(server_metadata())

    async def live(self, _: Request) -> Response:
        return JsonResponse({"live": True, "ready": True})

    async def metadata(self, request: Request) -> Response:
        name = request.path_params["name"]
        card = self._services.card(name, _version(request))
        numbers = [version.number for version in self._services.route(name).service.versions]
        return JsonResponse(model_metadata(name, card, numbers))

    async def ready(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            slot = self._services.slot(name, _version(request))
        except InhouseError:
            return JsonResponse({"name": name, "ready": False}, 400)
        # What is not loaded is when somebody asks; only what cannot be is not ready.
        ready = slot.ready or not slot.problem
        return JsonResponse({"name": name, "ready": ready}, 200 if ready else 400)

    async def infer(self, request: Request) -> Response:
        what = about(request, request.path_params["name"], _version(request))
        card = self._services.card(what.service, what.version)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RequestError("The request is compressed.", hint="Send it as it is.")
        call, wanted = parse_infer(await request.body(), request.headers.get(HEADER_LENGTH), card, what)
        answer = await while_connected(request.receive, self._services.call(call))
        body, length = render_infer(answer, card, wanted, call)
        if length is None:
            return JsonResponse(body)
        return Response(body, headers={HEADER_LENGTH: str(length)}, media_type="application/octet-stream")


def _version(request: Request) -> int | None:
    text = request.path_params.get("version")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise RequestError(f"{text[:20]!r} is no version's number.")
    return int(text)
