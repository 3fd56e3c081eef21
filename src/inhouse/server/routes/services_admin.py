"""``/services/...``: publishing, routing, loading and removing; for admins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from inhouse.errors import ForbiddenError, RequestError
from inhouse.models.signature import Field as ServiceField
from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse, read_object
from inhouse.server.responses import Documentation, documented
from inhouse.server.services.administration import Administration, Change
from inhouse.server.spooled import spooled
from inhouse.storage.publishing import Routing
from inhouse.storage.services import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.storage.publishing import Published
    from inhouse.storage.services import Service

_M = TypeVar("_M", bound=BaseModel)

ARCHIVES = frozenset({"application/x-tar", "application/gzip", "application/x-gzip", "application/zip"})
"""Media types of bodies that are an artifact's folder, packed."""


class Options(BaseModel, extra="forbid"):
    """How a version is served."""

    role: Literal["live", "canary", "shadow", "idle"] = "live"
    share: float = Field(0.05, gt=0, le=1, description="Of the calls that a canary gets.")
    note: str = Field("", max_length=1000)
    replicas: int = Field(1, ge=1, le=256)
    max_delay_ms: float = Field(2.0, ge=0, le=60_000)
    max_batch: int = Field(0, ge=0, le=65_536)
    max_waiting: int = Field(1024, ge=1, le=1_000_000)
    deadline_ms: float = Field(30_000, ge=0)


class Publication(Options):
    """What is to be published; exactly one of ``artifact``, ``workflow`` and ``url``."""

    artifact: str = Field("", description="A folder on the gateway's disk.")
    workflow: dict[str, Any] | None = Field(None, description="A workflow, as a canvas saves it or in the API format.")
    expose: list[str] = Field([], description="Inputs that callers may set: NODE.INPUT or NODE.INPUT=NAME.")
    outputs: list[str] = Field([], description="Nodes whose output they get: NODE or NODE=NAME.")
    url: str = Field("", description="An endpoint elsewhere.")
    protocol: Literal["inhouse", "oip", "openai"] = "inhouse"
    secret: str = Field("", description="The environment variable of the gateway that has its token.")
    fields_in: list[dict[str, Any]] = Field([], description="Of an endpoint elsewhere; else as the live version's.")
    fields_out: list[dict[str, Any]] = Field([], description="Likewise.")


class Routed(BaseModel, extra="forbid"):
    """How calls are to be routed; what is left out stays as it is."""

    live: int | None = Field(None, ge=1)
    canary: int | None = Field(None, ge=0, description="0 for none.")
    share: float | None = Field(None, gt=0, le=1)
    shadow: int | None = Field(None, ge=0, description="0 for none.")
    rule: dict[str, Any] | None = Field(None, description="Empty for none.")


def routes(administration: Administration) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["services"], dependencies=[Depends(admins_only)])

    @router.post(
        "/services/{name}/versions",
        summary="Publish a version",
        status_code=201,
        response_model=dict[str, Any],
        openapi_extra=_body(Publication, archives=True),
        responses=_refusals({413: "It is too large.", 422: "It is refused, or cannot be loaded; nothing changed."}),
    )
    async def publish(name: str, request: Request) -> Response:
        return JsonResponse(_published(await _publish(administration, name, request)), 201)

    @router.post(
        "/services/{name}/routing",
        summary="Route calls",
        response_model=dict[str, Any],
        openapi_extra=_body(Routed),
        responses=_refusals({409: "The change does not fit.", 422: "A version cannot be loaded; nothing changed."}),
    )
    async def route(name: str, request: Request) -> Response:
        wanted = _read(Routed, await read_object(request))
        return JsonResponse(_routing(await administration.route(name, Change(**wanted.model_dump()))))

    @router.post(
        "/services/{name}/rollback",
        summary="Take the newest step back",
        response_model=dict[str, Any],
        responses=_refusals({409: "There is nothing to take back."}),
    )
    async def rollback(name: str) -> Response:
        return JsonResponse(_routing(await administration.rollback(name)))

    _versions(router, administration)
    return router


def _versions(router: APIRouter, administration: Administration) -> None:
    @router.post(
        "/services/{name}/versions/{number}/load",
        summary="Load a version",
        response_model=dict[str, Any],
        responses=_refusals({422: "It cannot be loaded.", 429: "There is no room for it now."}),
    )
    async def load(name: str, number: int) -> Response:
        await administration.load(name, number)
        return JsonResponse({"name": name, "number": number, "state": "ready"})

    @router.post(
        "/services/{name}/versions/{number}/unload",
        summary="Unload a version after its calls",
        response_model=dict[str, Any],
        responses=_refusals({}),
    )
    async def unload(name: str, number: int) -> Response:
        await administration.unload(name, number)
        return JsonResponse({"name": name, "number": number, "state": "unloaded"})

    @router.delete(
        "/services/{name}/versions/{number}",
        summary="Remove a version",
        response_model=dict[str, Any],
        responses=_refusals({409: "It gets calls."}),
    )
    async def remove(name: str, number: int) -> Response:
        await administration.remove(name, number)
        return JsonResponse({"name": name, "removed": number})

    @router.delete(
        "/services/{name}", summary="Remove a service", response_model=dict[str, Any], responses=_refusals({})
    )
    async def remove_all(name: str) -> Response:
        await administration.remove(name)
        return JsonResponse({"name": name, "removed": "all"})


async def admins_only(caller: Caller) -> None:
    """Let admins pass.

    Raises:
        ForbiddenError: somebody else asks.

    """
    if not caller.admin:
        raise ForbiddenError("Only an admin may change what is published.", hint="Ask one: inhouse token new --admin.")


async def _publish(administration: Administration, name: str, request: Request) -> Published:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ARCHIVES:
        options = _read(Options, dict(request.query_params))
        async with spooled(request) as archive:
            return await administration.publish_archive(name, archive, _version(options, "artifact"), _role(options))
    wanted = _read(Publication, await read_object(request))
    if sum((bool(wanted.artifact), wanted.workflow is not None, bool(wanted.url))) != 1:
        raise RequestError("Publish one thing: an artifact, a workflow, or a url.")
    if wanted.artifact:
        version = _version(wanted, "artifact")
        return await administration.publish_folder(name, Path(wanted.artifact), version, _role(wanted))
    if wanted.workflow is not None:
        document, version = orjson.dumps(wanted.workflow), _version(wanted, "workflow")
        places = tuple(wanted.expose), tuple(wanted.outputs)
        return await administration.publish_document(name, document, version, _role(wanted), *places)
    version = _version(
        wanted,
        "remote",
        url=wanted.url,
        protocol=wanted.protocol,
        secret=wanted.secret,
        fields_in=_fields(wanted.fields_in),
        fields_out=_fields(wanted.fields_out),
    )
    return await administration.publish_address(name, version, _role(wanted))


def _version(options: Options, source: Literal["artifact", "workflow", "remote"], **more: Any) -> Version:
    return Version(
        0,
        source,
        note=options.note,
        replicas=options.replicas,
        max_delay_ms=options.max_delay_ms,
        max_batch=options.max_batch,
        max_waiting=options.max_waiting,
        deadline_ms=options.deadline_ms,
        **more,
    )


def _role(options: Options) -> Routing:
    return Routing(options.role, options.share)


def _fields(given: list[dict[str, Any]]) -> tuple[ServiceField, ...]:
    try:
        return tuple(ServiceField.from_dict(item) for item in given)
    except TypeError as error:
        raise RequestError("A field has a part that there is not, or no name.") from error


def _read(model: type[_M], data: Mapping[str, Any]) -> _M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise RequestError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def _published(published: Published) -> dict[str, Any]:
    return {"number": published.number, "notes": list(published.notes), **_routing(published.service)}


def _routing(service: Service) -> dict[str, Any]:
    """Return where a service's calls go."""
    data = service.as_dict()
    return {name: data[name] for name in ("name", "live", "previous", "canary", "share", "shadow", "rule")}


def _refusals(told: dict[int, str]) -> Documentation:
    common = {400: "The request is malformed.", 403: "Only an admin may.", 404: "There is no such service or version."}
    return documented(told={**common, **told})


def _body(model: type[BaseModel], *, archives: bool = False) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": model.model_json_schema()}}
    for kind in sorted(ARCHIVES) if archives else ():
        content[kind] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}
