"""``/services``: published models and workflows, called in their own terms, at once, as a stream or later."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from inhouse.errors import InhouseError, InternalError, RequestError
from inhouse.server.errors import told
from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse
from inhouse.server.responses import documented
from inhouse.server.services.asking import about
from inhouse.server.services.jobs import described
from inhouse.server.services.native import parse, parse_raw, raw_field, render
from inhouse.server.services.openapi import document
from inhouse.server.services.sse import event, events_response, while_connected

if TYPE_CHECKING:
    from inhouse.server.services.base import Call, Card
    from inhouse.server.services.directory import Services
    from inhouse.server.services.jobs import Jobs
    from inhouse.server.services.slots import Slot
    from inhouse.storage.services import Service

_NONE = documented(told={404: "There is no such service, or no such job of mine."})
_CALL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "inputs": {"type": "object", "description": "As the service's own document says."},
                        "deadline_ms": {"type": "number"},
                        "id": {"type": "string"},
                        "parameters": {"type": "object"},
                    },
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_ANSWERS = {
    202: {"description": "Kept as a job, at the address in `Location`; asked for by `Prefer: respond-async`."},
    **documented(
        told={
            404: "There is no such service or version.",
            413: "The request has more bytes than are accepted.",
            422: "Values do not fit; every field at fault is named.",
            429: "The service has more to do than it can do in time.",
            503: "The service cannot be loaded, or failed.",
            504: "The caller's time was over before the work was begun.",
        }
    ),
}


def routes(services: Services, jobs: Jobs) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["services"])

    @router.get("/services", summary="The services there are", response_model=dict[str, Any])
    def listing(_: Caller) -> Response:
        return JsonResponse({"services": [summary(services, service) for service in services.list()]})

    @router.get("/services/openapi.json", summary="All services' OpenAPI document", response_model=dict[str, Any])
    def all_documents(_: Caller) -> Response:
        cards = [(item.name, services.card(item.name)) for item in services.list() if services.route(item.name).live]
        return JsonResponse(document(cards))

    @router.get("/services/{name}", summary="All about a service", response_model=dict[str, Any], responses=_NONE)
    def one(name: str, _: Caller) -> Response:
        return JsonResponse(details(services, name))

    @router.get(
        "/services/{name}/openapi.json",
        summary="A service's OpenAPI document",
        response_model=dict[str, Any],
        responses=_NONE,
    )
    def own_document(name: str, _: Caller) -> Response:
        return JsonResponse(document([(name, services.card(name))]))

    @router.post(
        "/services/{name}",
        summary="Call a service",
        response_model=dict[str, Any],
        openapi_extra=_CALL,
        responses=_ANSWERS,
    )
    async def call(
        name: str,
        request: Request,
        stream: Annotated[bool, Query(description="Answer as server-sent events.")] = False,  # noqa: FBT002
    ) -> Response:
        return await _Caller(services, jobs, name, request).answer(stream or _accepts_events(request))

    _jobs(router, jobs)
    return router


def _jobs(router: APIRouter, jobs: Jobs) -> None:
    @router.get(
        "/services/{name}/jobs/{job_id}", summary="A job of mine", response_model=dict[str, Any], responses=_NONE
    )
    async def one(name: str, job_id: str, caller: Caller) -> Response:
        return JsonResponse(described(await jobs.get(caller.user, name, job_id)))

    @router.delete(
        "/services/{name}/jobs/{job_id}", summary="Cancel a job", response_model=dict[str, Any], responses=_NONE
    )
    async def cancel(name: str, job_id: str, caller: Caller) -> Response:
        return JsonResponse(described(await jobs.cancel(caller.user, name, job_id)))

    @router.get(
        "/services/{name}/jobs/{job_id}/events",
        summary="What happens in a job, as server-sent events",
        response_class=Response,
        responses=_NONE,
    )
    async def events(name: str, job_id: str, caller: Caller) -> Response:
        async def pieces() -> AsyncGenerator[bytes, None]:
            async with aclosing(jobs.follow(caller.user, name, job_id)) as heard:
                async for piece in heard:
                    yield event(orjson.dumps(piece), "job" if "status" in piece else "progress")

        return await events_response(pieces(), event_of)


class _Caller:
    """Calls a service as one request asks."""

    def __init__(self, services: Services, jobs: Jobs, name: str, request: Request) -> None:
        self._services, self._jobs, self._request = services, jobs, request
        self._about = about(request, name)

    async def answer(self, streamed: bool) -> Response:  # noqa: FBT001
        card = self._services.card(self._about.service, self._about.version)
        body = await self._request.body()
        if _is_raw(self._request):
            if not streamed and not _later(self._request):
                return await self._whole(parse_raw(body, card, self._about))
            body = _as_json(body, card)
        if _later(self._request):
            job = await self._jobs.accept(body, self._about)
            place = f"/services/{job.service}/jobs/{job.id}"
            return JsonResponse(described(job), 202, {"location": place, "preference-applied": "respond-async"})
        call = parse(body, card, self._about)
        if streamed:
            return await events_response(_events(self._services, call), event_of)
        return await self._whole(call)

    async def _whole(self, call: Call) -> Response:
        if images := self._request.query_params.get("images"):
            if images not in ("base64", "url"):
                raise RequestError("images is neither base64 nor url.")
            call.parameters = {**call.parameters, "images": images}
        answer = await while_connected(self._request.receive, self._services.call(call))
        return JsonResponse(render(answer, call.id))


async def _events(services: Services, call: Call) -> AsyncGenerator[bytes, None]:
    async with aclosing(services.stream(call)) as pieces:
        async for piece in pieces:
            yield event(orjson.dumps(piece))
    yield event(b"{}", "end")


def event_of(error: Exception) -> bytes:
    """Return the last event of a stream that failed."""
    ours = error if isinstance(error, InhouseError) else InternalError("Inhouse itself failed.")
    return event(orjson.dumps({"error": told(ours).model_dump()}), "error")


def _accepts_events(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


def _later(request: Request) -> bool:
    return "respond-async" in [item.strip().lower() for item in request.headers.get("prefer", "").split(",")]


def _is_raw(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.startswith("image/") or kind in ("application/dicom", "application/octet-stream")


def _as_json(body: bytes, card: Card) -> bytes:
    """Return a body that is a file as one of the native protocol."""
    field = raw_field(card)
    if field is None:
        raise RequestError("The service does not take a file as it is.", hint="Send JSON: see its OpenAPI document.")
    value = base64.b64encode(body).decode()
    return orjson.dumps({"inputs": {field.name: [value] if field.rows else value}})


# -- what is told of services -----------------------------------------------------------------------------------------


def summary(services: Services, service: Service) -> dict[str, Any]:
    """Return what the list says of a service."""
    route = services.route(service.name)
    card = route.live.target.card if route.live is not None else None
    return {
        "name": service.name,
        "task": card.task if card is not None else None,
        "description": card.description if card is not None else "",
        "live": route.live.version.number if route.live is not None else None,
        "canary": service.canary,
        "share": service.share,
        "shadow": service.shadow,
        "versions": [version.number for version in service.versions],
    }


def details(services: Services, name: str) -> dict[str, Any]:
    """Return all that is known of a service."""
    route = services.route(name)
    found = summary(services, route.service)
    if route.live is not None:
        card = route.live.target.card
        found |= {
            "inputs": [field.as_dict() for field in card.fields_in],
            "outputs": [field.as_dict() for field in card.fields_out],
            "streams": card.streams,
            "max_batch": card.max_batch,
        }
    found["versions"] = [_version(slot) for slot in route.slots.values()]
    return found


def _version(slot: Slot) -> Mapping[str, Any]:
    version, counts = slot.version, slot.counts
    return {
        "number": version.number,
        "source": version.source,
        "created": version.created,
        "note": version.note,
        "state": slot.target.state,
        "ready": slot.ready,
        "problem": slot.problem,
        "bytes": slot.target.nbytes,
        "calls": counts.calls,
        "failed": counts.failed,
        "shed": counts.shed,
        "expired": counts.expired,
        "stats": slot.target.stats,
    }
