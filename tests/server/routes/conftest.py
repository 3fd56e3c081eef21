"""What tests of routes share: an application with just the routers that a test names, and one identity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from inhouse.server import errors
from inhouse.server.api_prefix import ApiPrefix
from inhouse.server.cache_headers import CacheHeaders
from inhouse.server.identity import Identity
from inhouse.server.methods import Methods
from inhouse.server.user_folders import UserFolders

Serve = Callable[..., TestClient]


class Known:
    """Says whose every request is: header ``comfy-user`` for tests of several users, the sole user without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = [value.decode() for name, value in scope.get("headers", ()) if name == b"comfy-user"]
        user = names[0] if names else "default"
        scope.setdefault("state", {})["identity"] = Identity(user, admin=not names)
        await self._app(scope, receive, send)


@pytest.fixture
def folders(tmp_path: Path) -> UserFolders:
    """Return folders that are there."""
    found = UserFolders(*(tmp_path / name for name in ("input", "output", "temp", "state")))
    for folder in (found.input, found.output, found.temp, found.state):
        folder.mkdir()
    return found


@pytest.fixture
def serve() -> Serve:
    """Return a function that makes a client of an application with the routers it is given."""

    def make(*routers: APIRouter) -> TestClient:
        app = FastAPI(redirect_slashes=False, openapi_url="/openapi.json", docs_url=None)
        errors.install(app)
        for router in routers:
            app.include_router(router)
        for middleware in (Known, Methods, ApiPrefix, CacheHeaders):
            app.add_middleware(middleware)
        return TestClient(app, raise_server_exceptions=False, follow_redirects=False)

    return make
