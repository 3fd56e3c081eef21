"""The direct way: what is asked most often goes to its endpoint, past the framework's own way there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from inhouse.server.errors import answer_to

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send


class Direct:
    """ASGI middleware that calls some endpoints itself, and answers their failures as the application does.

    Looking through the routes and entering the framework's contexts costs as much as a small workflow's way into
    storage. What lies in front (who may ask, how large a body may be) is passed by all alike.

    Args:
        app: what answers all else.
        routes: what it answers; no parameters in their paths, and coroutine functions that take a request.

    """

    def __init__(self, app: ASGIApp, routes: Iterable[Route]) -> None:
        self._app = app
        self._routes = {(method, route.path): route for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # by which it is counted
        request = Request(scope, receive, send)
        try:
            response = await route.endpoint(request)
        except Exception as error:  # noqa: BLE001 - the border: whatever it is, the client gets an answer
            response = answer_to(request, error)
        await response(scope, receive, send)
