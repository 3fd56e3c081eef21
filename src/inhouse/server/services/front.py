"""The front: calls of services that are short and many, answered ahead of the framework.

What a model computes in a batch takes a third of a millisecond a row; a framework's way to a route and back takes as
long. So what is asked most often is read, checked and answered here, in one step each. All else of a service's routes
goes on to the framework, which documents these routes, too.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from inhouse.errors import InhouseError, InputsError, InternalError, ServiceNotFoundError, TooLargeError
from inhouse.server.errors import headers_of, refusal, status_of
from inhouse.server.services import native, oip, openai
from inhouse.server.services.asking import sentence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from inhouse.server.services.directory import Services
    from inhouse.server.services.native import Envelope

    Headers: TypeAlias = list[tuple[bytes, bytes]]
    Handler: TypeAlias = Callable[[bytes, "Ask"], Awaitable[tuple[bytes, Headers]]]
    Problem: TypeAlias = Callable[[InhouseError], bytes]

_LOG = logging.getLogger(__name__)
_JSON: Final = (b"content-type", b"application/json")
_BINARY: Final = (b"content-type", b"application/octet-stream")
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""No page is among these answers: nothing of them may be shown as one."""
_HEADER_LENGTH: Final = oip.HEADER_LENGTH.lower().encode()


@dataclass(frozen=True, slots=True)
class Path:
    """The template of a path, by which requests to it are counted."""

    path: str


@dataclass(slots=True)
class Ask:
    """A request to one of these routes.

    Attributes:
        name: of the service; empty where the body says it.
        version: in the path; None for none.
        headers: as ASGI has them.
        user: who asks.
        now: when it came, on the event loop's clock.

    """

    name: str
    version: int | None
    headers: Headers
    user: str
    now: float

    def envelope(self, name: str) -> Envelope:
        """Return what it says beside its body; raises `InputsError`."""
        about = native.envelope(self.headers, name, self.user, self.now)
        if self.version is None:
            return about
        return native.Envelope(name, self.user, self.now, self.version, about.deadline_ms, about.sticky)


@dataclass(frozen=True, slots=True)
class Way:
    """One of these routes: its template, what answers it, and how it tells of errors (None: as everything here)."""

    route: Path
    handler: Handler
    problem: Problem | None = None


class Front:
    """ASGI middleware that answers calls of services, right behind the gate.

    Args:
        app: what answers all else.
        services: they.
        max_bytes: the most that a body may have.

    """

    def __init__(self, app: ASGIApp, services: Services, max_bytes: int) -> None:
        self._app = app
        self._services = services
        self._max_bytes = max_bytes
        self._native = Way(Path("/services/{name}"), self._answer_native)
        self._oip = Way(Path("/v2/models/{name}/infer"), self._answer_oip, _oip_problem)
        self._embeddings = Way(Path("/v1/embeddings"), self._answer_embeddings, _openai_problem)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        found = self._way(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        way, name, version = found
        scope["route"] = way.route
        try:
            body = await self._body(scope, receive)
            if body is None:  # it hung up
                return
            now = asyncio.get_running_loop().time()
            ask = Ask(name, version, scope["headers"], scope["state"]["identity"].user, now)
            content, headers = await way.handler(body, ask)
            status = 200
        except Exception as error:  # noqa: BLE001 - the border: whatever it is, the client gets an answer
            status, content, headers = _failure(error, way.problem)
        headers += ((b"content-length", b"%d" % len(content)), _POLICY)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    # -- which --------------------------------------------------------------------------------------------------------

    def _way(self, scope: Scope) -> tuple[Way, str, int | None] | None:
        """Return who answers a request, and for which service and version; None for the framework."""
        path: str = scope["path"]
        if path.startswith("/services/"):
            name = path[10:]
            plain = name and "/" not in name and not scope["query_string"] and _is_plain(scope["headers"])
            return (self._native, name, None) if plain and self._is_short(name) else None
        if path.startswith("/v2/models/") and path.endswith("/infer"):
            name, _, version = path[11:-6].partition("/versions/")
            if not name or "/" in name or "/" in version or (version and not version.isdecimal()):
                return None
            if not self._is_short(name):
                return None
            return self._oip, name, int(version[:9]) if version else None
        return (self._embeddings, "", None) if path == "/v1/embeddings" else None

    def _is_short(self, name: str) -> bool:
        """Whether calls of a service are done before anybody hangs up; the framework stops those that are not."""
        route = self._services.routes.get(name)
        return route is None or route.live is None or route.live.target.card.task not in ("workflow", "chat")

    # -- the body -----------------------------------------------------------------------------------------------------

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body; None if the client hung up before it was whole.

        Raises:
            TooLargeError: it has more bytes than are accepted.

        """
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            return await self._rest(scope, receive, [body])
        if message["type"] != "http.request":
            return None
        if len(body) > self._max_bytes:
            raise self._too_large()
        return body

    async def _rest(self, scope: Scope, receive: Receive, parts: list[bytes]) -> bytes | None:
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit() and int(length[:18]) > self._max_bytes:
            raise self._too_large()
        size = len(parts[0])
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                raise self._too_large()
            more = bool(message.get("more_body"))
        return b"".join(parts)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"The request has more than {self._max_bytes} bytes.", hint="Ask who runs this to raise max_upload_mb."
        )

    # -- what is answered ---------------------------------------------------------------------------------------------

    async def _answer_native(self, body: bytes, ask: Ask) -> tuple[bytes, Headers]:
        about = ask.envelope(ask.name)
        call = native.parse(body, self._services.card(ask.name, about.version), about)
        answer = await self._services.call(call)
        return native.render(answer, call.id), [_JSON]

    async def _answer_oip(self, body: bytes, ask: Ask) -> tuple[bytes, Headers]:
        about = ask.envelope(ask.name)
        card = self._services.card(ask.name, about.version)
        length = next((value.decode("latin-1") for name, value in ask.headers if name == _HEADER_LENGTH), None)
        call, wanted = oip.parse_infer(body, length, card, about)
        content, size = oip.render_infer(await self._services.call(call), card, wanted, call)
        return content, [_JSON] if size is None else [_BINARY, (_HEADER_LENGTH, b"%d" % size)]

    async def _answer_embeddings(self, body: bytes, ask: Ask) -> tuple[bytes, Headers]:
        given = openai.read(body)
        about = ask.envelope(given["model"])
        call, wanted = openai.parse_embeddings(given, self._services.card(about.service, about.version), about)
        return openai.render_embeddings(await self._services.call(call), wanted), [_JSON]


def _is_plain(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request is JSON for which an answer in one piece is waited for."""
    for name, value in headers:
        if name == b"prefer" or (name == b"accept" and b"text/event-stream" in value):
            return False
        if name == b"content-type" and not value.startswith(b"application/json"):
            return False
    return True


def _failure(error: Exception, problem: Problem | None) -> tuple[int, bytes, Headers]:
    """Return status, body and headers of an answer that tells of an error."""
    if not isinstance(error, InhouseError):
        _LOG.error("A call failed.", exc_info=error)
        error = InternalError("Inhouse itself failed.")
    status = status_of(error)
    if status >= 500 and problem is not None:
        _LOG.error("A call failed: %s", error)
    extra = [(name.encode(), value.encode()) for name, value in headers_of(error).items()]
    if isinstance(error, TooLargeError):
        extra.append((b"connection", b"close"))
    content = bytes(refusal(error).body) if problem is None else problem(error)
    return status, content, [_JSON, *extra]


def _oip_problem(error: InhouseError) -> bytes:
    return oip.render_error(sentence(error))


def _openai_problem(error: InhouseError) -> bytes:
    param = next(iter(error.fields), None) if isinstance(error, InputsError) else None
    code = "model_not_found" if isinstance(error, ServiceNotFoundError) else error.code
    return openai.render_error(code, sentence(error), status_of(error), param)
