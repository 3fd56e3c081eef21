"""The gate: what every request passes before anything else looks at it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.responses import Response

from inhouse.errors import AccessError, OriginError, RequestError, TooManyAttemptsError
from inhouse.server.auth import header, token_in
from inhouse.server.door import Door
from inhouse.server.errors import refusal
from inhouse.server.hosts import Authority, Hosts, parse_authority, same_origin
from inhouse.server.login import Login, login_page, reload_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from inhouse.server.attempts import Attempts
    from inhouse.server.auth import Authenticator

logger = logging.getLogger(__name__)

_OPEN = frozenset({"/healthz", "/readyz"})
"""Who watches over the machine may ask these without a token."""
_CALLS = ("/services/", "/v2/models/", "/v1/")
_BROWSERS = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"cookie"})
_REMEMBERED = 64
_SCHEMES = {"ws": "http", "wss": "https"}


class Gate:
    """ASGI middleware for HTTP and WebSocket that lets pass what may pass, and writes whose it is into its state.

    In this order: the name asked for must be ours (DNS rebinding); a page that asks must be ours (cross-site request
    forgery, also over WebSockets); whoever asks must be somebody.

    Args:
        app: what lies behind.
        authenticator: says whose a request is.
        host: the address that the gateway listens on.
        hosts: further names under which browsers may come.
        attempts: how often a wrong token may come.

    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        *,
        host: str = "127.0.0.1",
        hosts: Iterable[str] = (),
        attempts: Attempts | None = None,
    ) -> None:
        self._app = app
        self._hosts = Hosts(host, hosts)
        self._door = Door(authenticator, attempts)
        self._login = Login(self._door)
        self._named: set[bytes] = set()
        """Values of ``Host`` that are names of ours."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._is_programs(scope):
            response = self._stranger(scope)
        else:
            response = self._foreign(scope) or await self._login.answer(scope, receive) or self._stranger(scope)
        if response is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            await response(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _is_programs(self, scope: Scope) -> bool:
        """Whether this is a program's call of a service under a name of ours, so that no page can have sent it.

        Programs send thousands of them a second. What a browser sends has a header with which browsers say so, and is
        looked at more closely.
        """
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(_CALLS):
            return False
        hosts = []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name in _BROWSERS:
                return False
        if len(hosts) != 1:
            return False
        if hosts[0] not in self._named:
            authority = parse_authority(hosts[0].decode("latin-1"))
            if authority is None or not self._hosts.know(authority.host):
                return False
            if len(self._named) < _REMEMBERED:
                self._named.add(hosts[0])
        return True

    def _foreign(self, scope: Scope) -> Response | None:
        """Return the refusal of a request that came under a wrong name, or from a page that is not ours."""
        names = header(scope, b"host")
        host = parse_authority(names[0].decode("latin-1")) if len(names) == 1 else None
        if host is None:
            return refusal(RequestError("The request names no host, or none that can be one."))
        if not self._hosts.know(host.host):
            logger.warning("Refused a request for host %.100r, which is not among server.hosts.", host.host)
            hint = f"If that is a name of this gateway, add {host.host!r} to server.hosts."
            return refusal(OriginError("This gateway does not go by the name it was asked for.", hint=hint))
        if _from_another_page(scope, host):
            logger.warning("Refused a request of another site's page for %.200r.", scope["path"])
            return Response(status_code=403)
        return None

    def _stranger(self, scope: Scope) -> Response | None:
        """Find out whose a request is, and return the refusal if that is not known."""
        if scope["type"] == "http" and scope["path"] in _OPEN:
            return None
        try:
            identity = self._door.enter(scope)
        except AccessError as error:
            return _closed(scope, error)
        scope["state"] = {**scope.get("state", {}), "identity": identity}
        return None


def _from_another_page(scope: Scope, host: Authority) -> bool:
    """Whether a browser says that a page of another origin sent this (Fetch Metadata, W3C).

    To follow a link to us is everybody's right; it shows the page and does nothing.
    """
    origins = header(scope, b"origin")
    scheme: str = scope["scheme"]
    scheme = _SCHEMES.get(scheme, scheme)
    if len(origins) > 1 or any(not same_origin(origin.decode("latin-1"), scheme, host) for origin in origins):
        return True
    if not _was_linked(scope):
        return False
    return not (scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _is_navigation(scope))


def _was_linked(scope: Scope) -> bool:
    """Whether a browser says that neither our page nor its user named our address."""
    return any(site not in (b"same-origin", b"none") for site in header(scope, b"sec-fetch-site"))


def _is_navigation(scope: Scope) -> bool:
    """Whether a browser goes to a page, in a window of its own."""
    return header(scope, b"sec-fetch-mode") == [b"navigate"] and header(scope, b"sec-fetch-dest") == [b"document"]


def _closed(scope: Scope, error: AccessError) -> Response:
    if isinstance(error, TooManyAttemptsError):
        answer = refusal(error)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    if scope["type"] == "http" and scope["method"] == "GET" and _wants_page(scope):
        return reload_page(scope) if token_in(scope) is None and _was_linked(scope) else login_page(error)
    return refusal(error)


def _wants_page(scope: Scope) -> bool:
    """Whether a person is there to read; browsers that send no Fetch Metadata ask for HTML before all else."""
    accepted = header(scope, b"accept")
    return _is_navigation(scope) or (len(accepted) == 1 and accepted[0].startswith(b"text/html"))
