"""``/v1``: services as models of OpenAI's API."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from inhouse.errors import InhouseError, InputsError, InternalError, ServiceNotFoundError
from inhouse.server.errors import status_of
from inhouse.server.json_body import JsonResponse
from inhouse.server.services import openai
from inhouse.server.services.asking import about, sentence, shaped
from inhouse.server.services.chat import Completion, parse_chat
from inhouse.server.services.sse import event, events_response, while_connected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.server.services.asking import Endpoint
    from inhouse.server.services.base import Call
    from inhouse.server.services.directory import Services


def routes(services: Services) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["services"])
    asked = _Models(services)

    def route(method: str, path: str, endpoint: Endpoint, summary: str, extra: dict[str, Any]) -> None:
        router.add_api_route(
            path,
            shaped(endpoint, told),
            methods=[method],
            summary=summary,
            response_model=None,
            openapi_extra=extra,
            operation_id=f"openai_{path.removeprefix('/v1/').replace('/', '_').replace('{name}', 'one')}",
        )

    named = {"parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]}
    route("GET", "/v1/models", asked.models, "Services, as OpenAI lists models", {})
    route("GET", "/v1/models/{name}", asked.model, "A service, as OpenAI tells of a model", named)
    route("POST", "/v1/embeddings", asked.embeddings, "Embeddings of texts", _body(_EMBEDDINGS))
    route("POST", "/v1/images/generations", asked.images, "Pictures of a prompt, by a workflow", _body(_IMAGES))
    route("POST", "/v1/chat/completions", asked.chat, "What comes next in a conversation", _body(_CHAT))
    return router


def told(error: InhouseError, message: str, status: int) -> bytes:
    """Return the body that tells of an error as OpenAI does."""
    param = next(iter(error.fields), None) if isinstance(error, InputsError) else None
    code = "model_not_found" if isinstance(error, ServiceNotFoundError) else error.code
    return openai.render_error(code, message, status, param)


class _Models:
    """Answers requests."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def models(self, _: Request) -> Response:
        return JsonResponse({"object": "list", "data": [openai.model(service) for service in self._services.list()]})

    async def model(self, request: Request) -> Response:
        return JsonResponse(openai.model(self._services.route(request.path_params["name"]).service))

    async def embeddings(self, request: Request) -> Response:
        given = openai.read(await request.body())
        what = about(request, given["model"])
        call, wanted = openai.parse_embeddings(given, self._services.card(what.service, what.version), what)
        answer = await while_connected(request.receive, self._services.call(call))
        return JsonResponse(openai.render_embeddings(answer, wanted))

    async def images(self, request: Request) -> Response:
        given = openai.read(await request.body())
        what = about(request, given["model"])
        calls, wanted = openai.parse_images(given, self._services.card(what.service, what.version), what)
        answers = await while_connected(request.receive, _all(self._services, calls))
        return JsonResponse(openai.render_images(answers, wanted, int(time.time()), str(request.base_url).rstrip("/")))

    async def chat(self, request: Request) -> Response:
        given = openai.read(await request.body())
        what = about(request, given["model"])
        card = self._services.card(what.service, what.version)
        call, completion = parse_chat(given, card, what, f"chatcmpl-{uuid.uuid4().hex}", int(time.time()))
        if completion.streamed:
            return await events_response(_chunks(self._services, call, completion), _event_of)
        await while_connected(request.receive, _heard(self._services, call, completion))
        return JsonResponse(completion.whole())


async def _all(services: Services, calls: list[Call]) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(services.call(call)) for call in calls]
    return [task.result() for task in tasks]


async def _heard(services: Services, call: Call, completion: Completion) -> None:
    async with aclosing(services.stream(call)) as pieces:
        async for piece in pieces:
            completion.hear(piece)


async def _chunks(services: Services, call: Call, completion: Completion) -> AsyncGenerator[bytes, None]:
    begun = False
    async with aclosing(services.stream(call)) as pieces:
        async for piece in pieces:
            if not begun:
                yield event(completion.begin())
                begun = True
            if chunk := completion.hear(piece):
                yield event(chunk)
    for chunk in completion.end():
        yield event(chunk)


def _event_of(error: Exception) -> bytes:
    ours = error if isinstance(error, InhouseError) else InternalError("Inhouse itself failed.")
    return event(told(ours, sentence(ours), status_of(ours)))


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["model", *required],
        "properties": {"model": {"type": "string"}, **properties},
    }


_TEXT = {"type": "string"}
_EMBEDDINGS = _object(
    ["input"],
    input={"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
    encoding_format={"enum": ["float", "base64"]},
    dimensions={"type": "integer"},
    user=_TEXT,
)
_IMAGES = _object(
    ["prompt"],
    prompt=_TEXT,
    n={"type": "integer", "minimum": 1, "maximum": 10},
    size={"type": "string", "description": "Such as 512x512, where the service has a width and a height."},
    response_format={"enum": ["b64_json", "url"]},
    seed={"type": "integer"},
)
_CHAT = _object(
    ["messages"],
    messages={
        "type": "array",
        "minItems": 1,
        "items": {"type": "object", "required": ["role", "content"], "properties": {"role": _TEXT, "content": {}}},
    },
    stream={"type": "boolean"},
    stream_options={"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
    max_tokens={"type": "integer", "minimum": 1},
    max_completion_tokens={"type": "integer", "minimum": 1},
    temperature={"type": "number", "minimum": 0, "maximum": 2},
    top_p={"type": "number", "minimum": 0, "maximum": 1},
    seed={"type": "integer"},
    stop={"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": 4}]},
)
