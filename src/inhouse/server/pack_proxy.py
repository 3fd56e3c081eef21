"""The proxy to routes of custom packs: what a client asks of them goes to a worker's socket, and the answer back."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from inhouse.errors import WorkerLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable
    from pathlib import Path

    import aiohttp
    from starlette.types import Receive, Scope, Send

_LOG = logging.getLogger(__name__)
_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that mean one connection only (RFC 9110, section 7.6.1)."""
_OURS = frozenset({"cookie", "authorization", "comfy-user", "forwarded", "x-real-ip"})
"""Headers between a client and the gateway: packs have no business with what proves who somebody is."""
_SET_BY_PACKS = frozenset({"set-cookie", "clear-site-data", "strict-transport-security", "www-authenticate"})
"""Headers with which a pack's answer would change how browsers deal with the gateway itself."""
_CONNECT_SECONDS = 5.0
_MESSAGE_BYTES = 64 * 2**20
_CLOSED = 1011
"""The code with which a WebSocket is closed when there is nobody to talk to (RFC 6455, section 7.4.1)."""


class PackProxy:
    """Passes a request on.

    Args:
        socket: on which the packs are served.
        user: whose the request is; the packs are told in the header ``Comfy-User``.
        raw_path: the path to ask for, percent-encoded, with the query.

    """

    def __init__(self, socket: Path, user: str, raw_path: str) -> None:
        self._socket = socket
        self._user = user
        self._raw_path = raw_path

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request as the pack does, both bodies as they come."""
        import aiohttp

        request = Request(scope, receive)
        body = _Body(request)
        async with self._session() as session:
            try:
                answer = await session.request(
                    request.method,
                    self._url(),
                    headers=self._headers(request.headers),
                    data=body.chunks() if _has_body(request.headers) else None,
                    allow_redirects=False,
                )
            except ClientDisconnect:
                return
            except (aiohttp.ClientError, OSError) as error:
                _LOG.warning("A custom pack does not answer %s %s: %s", request.method, scope["path"], error)
                await _unanswered(error)(scope, receive, send)
                return
            async with answer:
                await _unless_gone(_pass_on(answer, request.method, send), body)

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Connect a WebSocket with the pack's, until either side closes it."""
        import aiohttp

        near = WebSocket(scope, receive, send)
        async with self._session() as session:
            try:
                far = await session.ws_connect(
                    self._url(),
                    headers=self._headers(near.headers, ("sec-websocket",)),
                    protocols=scope.get("subprotocols", ()),
                    max_msg_size=_MESSAGE_BYTES,
                    autoping=True,
                )
            except (aiohttp.ClientError, OSError) as error:
                _LOG.warning("A custom pack does not take the WebSocket %s: %s", scope["path"], error)
                await near.close(_CLOSED)
                return
            async with far:
                await near.accept(far.protocol)
                await _talk(near, far)

    def _session(self) -> aiohttp.ClientSession:
        """Return a session for one request: connecting to a socket of this machine costs nothing worth keeping."""
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(self._socket), force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    def _url(self) -> Any:
        from yarl import URL

        return URL(f"http://packs{self._raw_path}", encoded=True)

    def _headers(self, given: Headers, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        named = _named_in_connection(given)
        passed = [
            (name, value)
            for name, value in given.items()
            if name not in _HOP | _OURS | named and not name.startswith(("x-forwarded-", *without))
        ]
        return [*passed, ("Comfy-User", self._user)]


class _Body:
    """A request's body, and after it the news that the client has gone: both come by the same way."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._read = asyncio.Event()
        if not _has_body(request.headers):
            self._read.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        try:
            async for chunk in self._request.stream():
                if chunk:
                    yield chunk
        finally:
            self._read.set()

    async def gone(self) -> None:
        """Wait until the client has gone. As long as its body is read, that would take parts of it away."""
        await self._read.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


async def _unless_gone(work: Coroutine[Any, Any, None], body: _Body) -> None:
    """Do something, and stop as soon as the client has gone."""
    tasks = [asyncio.create_task(work), asyncio.create_task(body.gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(ended[0], Exception):  # the server ends the connection, as the answer is not whole
        _LOG.warning("A custom pack broke off its answer: %s", ended[0])


async def _pass_on(answer: aiohttp.ClientResponse, method: str, send: Send) -> None:
    left_out = _HOP | _SET_BY_PACKS
    headers = [
        (name.lower().encode("latin-1"), value.encode("utf-8", "surrogateescape"))
        for name, value in answer.headers.items()
        if name.lower() not in left_out
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if method != "HEAD":
        async for chunk in answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _unanswered(error: Exception) -> Response:
    told = WorkerLostError("The custom pack does not answer.", hint="Its worker is being started again; try again.")
    return JSONResponse({"error": told.as_dict()}, 504 if isinstance(error, TimeoutError) else 502)


async def _talk(near: WebSocket, far: aiohttp.ClientWebSocketResponse) -> None:
    """Pass messages both ways until one side has closed, then close the other."""
    ways = [asyncio.create_task(_to_pack(near, far)), asyncio.create_task(_to_client(near, far))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await far.close()
        if WebSocketState.DISCONNECTED not in (near.client_state, near.application_state):
            await near.close(_sendable(far.close_code))


async def _to_pack(near: WebSocket, far: aiohttp.ClientWebSocketResponse) -> None:
    try:
        while True:
            message = await near.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await far.send_str(message["text"])
            else:
                await far.send_bytes(message.get("bytes") or b"")
    except (ConnectionError, WebSocketDisconnect):
        return


async def _to_client(near: WebSocket, far: aiohttp.ClientWebSocketResponse) -> None:
    import aiohttp

    async for message in far:
        if message.type is aiohttp.WSMsgType.TEXT:
            await near.send_text(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await near.send_bytes(message.data)
        else:
            return


def _sendable(code: int | None) -> int:
    """Return a closing code that may be sent: 1005, 1006 and 1015 only say that there was none."""
    return code if code is not None and 1000 <= code < 5000 and code not in (1004, 1005, 1006, 1015) else 1000


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _named_in_connection(headers: Headers) -> frozenset[str]:
    lines: Iterable[str] = headers.getlist("connection")
    return frozenset(name.strip().lower() for line in lines for name in line.split(","))
