"""The application: the gateway's routes, behind the gate."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from inhouse.server import errors
from inhouse.server.api_prefix import ApiPrefix
from inhouse.server.auth import authenticator_for
from inhouse.server.body_limit import BodyLimit
from inhouse.server.cache_headers import CacheHeaders
from inhouse.server.direct import Direct
from inhouse.server.gate import Gate
from inhouse.server.methods import Methods
from inhouse.server.metrics import CountRequests
from inhouse.server.overview import Overview
from inhouse.server.routes import (
    api_docs,
    canvas,
    extensions,
    health,
    history,
    internal,
    jobs,
    migration,
    models,
    object_info,
    oip,
    openai,
    overview,
    packs,
    prompt,
    queue,
    services,
    services_admin,
    system,
    templates,
    uploads,
    user_settings,
    userdata,
    users,
    view,
    websocket,
)
from inhouse.server.security_headers import SecurityHeaders, canvas_policy
from inhouse.server.services.administration import Administration
from inhouse.server.services.crew import Crew
from inhouse.server.services.front import Front
from inhouse.server.templates import Templates
from inhouse.server.user_directory import UserDirectory
from inhouse.server.user_settings import UserSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from fastapi import APIRouter
    from starlette.types import ASGIApp

    from inhouse.server.gateway import Gateway
    from inhouse.settings import ServerSettings

_MB = 1024 * 1024
_UNPACKED = 4
"""An artifact that is sent may be so many times as large as it was packed, at the most that is accepted."""
WEB = Path(__file__).parent / "web"
"""What we add to the canvas."""


def create_app(gateway: Gateway) -> ASGIApp:
    """Return the application; its lifespan starts and stops the gateway."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await gateway.start()
        yield
        await gateway.stop()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    errors.install(app)
    for router in _routers(gateway):
        app.include_router(router)
    app.include_router(api_docs.routes(app))
    app.router.routes += packs.routes(gateway.desk.served).routes  # included, they would be plain ones
    static = canvas.frontend()
    app.include_router(canvas.routes(static, gateway.folders.state / "cache", {}))
    server = gateway.settings.server
    direct = Direct(app, [prompt.submission(gateway.runs)])
    largest = server.max_upload_mb * _MB
    inner = Methods(ApiPrefix(CacheHeaders(BodyLimit(direct, largest))))
    gate = Gate(
        Front(inner, gateway.services, largest), authenticator_for(server), host=server.host, hosts=server.hosts
    )
    policy = canvas_policy(static / "index.html" if static is not None else None)
    return CountRequests(SecurityHeaders(gate, policy), gateway.metrics)


def _routers(gateway: Gateway) -> Iterator[APIRouter]:
    """Return all routes, those that are asked most often first: they are looked through in order."""
    runs, folders = gateway.runs, gateway.folders
    able = features(gateway.settings.server)
    yield prompt.routes(runs)
    yield websocket.routes(gateway.hub, gateway.messenger, runs, able)
    yield history.routes(runs)
    yield queue.routes(runs, gateway.free)
    yield jobs.routes(runs)
    yield object_info.routes(gateway.catalogue, folders)
    yield view.routes(folders)
    shown = (gateway.ledger, gateway.queue, gateway.dispatcher, gateway.pool, gateway.stats, gateway.services.routes)
    yield overview.routes(Overview(*shown))
    yield uploads.routes(folders)
    yield userdata.routes(folders)
    yield user_settings.routes(UserSettings(folders))
    yield users.routes(UserDirectory(folders.state / "users.json", several=gateway.settings.server.multi_user))
    yield models.routes(gateway.models)
    yield services.routes(gateway.services, gateway.service_jobs)
    yield services_admin.routes(_administration(gateway))
    yield migration.routes(gateway.migrations)
    yield oip.routes(gateway.services)
    yield openai.routes(gateway.services)
    yield system.routes(gateway, able)
    yield internal.routes(gateway.logbook, folders, gateway.models)
    yield templates.routes(Templates(gateway.templates))
    yield extensions.routes(lambda: gateway.catalogue.packs, _scripts())
    yield health.routes(gateway.metrics, {"storage": gateway.storage_problem, "workers": gateway.worker_problem})


def _administration(gateway: Gateway) -> Administration:
    unpacked = _UNPACKED * gateway.settings.server.max_upload_mb * _MB
    trust = Crew.of(gateway.settings).trust
    return Administration(gateway.services, lambda: gateway.catalogue.registry, trust, unpacked)


def _scripts() -> dict[str, Path]:
    """Return the folders of scripts that the canvas loads: ours, and its own ones that packs' scripts import."""
    static = canvas.frontend()
    return {"inhouse": WEB, **({"core": static / "extensions" / "core"} if static is not None else {})}


def features(server: ServerSettings) -> Mapping[str, Any]:
    """Return what this server can do, as canvases ask for it."""
    return {"supports_preview_metadata": True, "max_upload_size": server.max_upload_mb * _MB}
