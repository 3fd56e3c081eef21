"""The gate lets pass what may pass, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.server.replay import exchanges

from inhouse.server.attempts import Attempts
from inhouse.server.auth import Alone, Authenticator, is_loopback, token_in
from inhouse.server.gate import Gate
from inhouse.server.hosts import parse_authority
from inhouse.server.identity import Identity

HOME = "http://127.0.0.1:8188"
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Known(Authenticator):
    """Knows one token."""

    def identify(self, scope: Scope) -> Identity | None:
        return Identity("ann") if token_in(scope) == b"inhouse_ann" else None


async def tell(request: Request) -> Response:
    return JSONResponse({"user": request.state.identity.user, "query": request.url.query})


async def alive(_: Request) -> Response:
    return Response("ok")


async def greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(socket.state.identity.user)
    await socket.close()


def client(authenticator: Authenticator | None = None, *, base: str = HOME, host: str = "127.0.0.1") -> TestClient:
    everything = ["GET", "POST", "OPTIONS"]
    behind = Starlette(
        routes=[
            Route("/healthz", alive),
            Route("/readyz", alive),
            WebSocketRoute("/ws", greet),
            Route("/{path:path}", tell, methods=everything),
        ]
    )
    gate = Gate(
        behind, authenticator or Alone(), host=host, hosts=["studio.example", "10.0.0.7:8443"], attempts=patient()
    )
    return TestClient(gate, base_url=base, follow_redirects=False)


def patient() -> Attempts:
    return Attempts(limit=3, seconds=60, clock=lambda: 0.0)


def get(headers: Mapping[str, str], path: str = "/system_stats", method: str = "GET", *, base: str = HOME) -> int:
    return client(base=base).request(method, path, headers=headers).status_code


def test_origins_are_checked_as_comfyui_does_and_names_more_strictly() -> None:
    asked = client()
    for exchange in exchanges("http_origin_check"):
        request, status = exchange["request"], exchange["response"]["status"]
        answer = asked.request(request["method"], request["path"], headers=request["headers"])
        if request["headers"]["Host"] == "example.org":  # ComfyUI lets pass what comes under another name
            assert answer.status_code == 403
            continue
        assert answer.status_code == status
        assert status == 200 or answer.content == b""


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.8.8:80", "[::1]:8188", "[0:0::1]", "studio.example.:80"]
)
def test_our_own_names_are_known(host: str) -> None:
    assert get({"Host": host}) == 200


@pytest.mark.parametrize("host", ["10.0.0.7", "10.0.0.7:8188", "studio.example", "Studio.Example:9"])
def test_names_of_the_settings_are_known_at_any_port(host: str) -> None:
    assert get({"Host": host}) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8188",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evilstudio.example",
        "10.0.0.8",
        "0.0.0.0:8188",
        "[::ffff:10.0.0.8]",
        "2130706433",
        "0x7f.1",
    ],
)
def test_a_name_that_somebody_pointed_at_us_is_refused_with_a_reason(host: str) -> None:
    answer = client().get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "server.hosts" in answer.json()["error"]["details"]


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "user@localhost", "localhost:x", "localhost:99999", "[::1", "a/b", ".."]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    assert get({"Host": host}) == 400


async def answer_to(headers: list[tuple[bytes, bytes]], **scope: object) -> list[Message]:
    """Return what the gate sends for a request as it comes off the wire."""
    sent: list[Message] = []

    async def behind(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "passed"})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    request = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "query_string": b"", **scope}
    await Gate(behind, Alone())({**request, "headers": headers}, receive, send)
    return sent


@pytest.mark.parametrize("headers", [[], [(b"host", b"localhost"), (b"host", b"localhost")]])
@pytest.mark.anyio
async def test_there_must_be_one_host(headers: list[tuple[bytes, bytes]]) -> None:
    assert (await answer_to(headers))[0]["status"] == 400


@pytest.mark.anyio
async def test_there_may_be_one_origin_only() -> None:
    origin = (b"origin", b"http://localhost")
    assert (await answer_to([(b"host", b"localhost"), origin]))[0]["type"] == "passed"
    assert (await answer_to([(b"host", b"localhost"), origin, origin]))[0]["status"] == 403


@pytest.mark.parametrize("listening", ["0.0.0.0", "::", "[::]", ""])
def test_who_listens_everywhere_may_be_asked_for_by_any_address_but_no_other_name(listening: str) -> None:
    open_house = client(host=listening)
    for host in ("192.168.1.20:8188", "[fe80::1]", "127.0.0.1", "localhost"):
        assert open_house.get("/x", headers={"Host": host}).status_code == 200
    assert open_house.get("/x", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("origin", ["null", "", "file://", "http://", "http://127.0.0.1:8188/", "127.0.0.1:8188", "*"])
def test_what_is_no_pages_origin_is_refused(origin: str) -> None:
    assert get({"Origin": origin}) == 403


def test_a_page_over_https_is_another_one_than_over_http() -> None:
    assert get({"Origin": "https://127.0.0.1:8188"}) == 403
    assert get({"Origin": "https://studio.example"}, base="https://studio.example") == 200
    assert get({"Origin": "https://studio.example:443"}, base="https://studio.example") == 200
    assert get({"Origin": "http://studio.example"}, base="https://studio.example") == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
def test_another_sites_page_may_link_to_us_and_do_nothing_else(site: str) -> None:
    from_there = {"Sec-Fetch-Site": site}
    assert get({**from_there, **NAVIGATION}) == 200
    assert get({**from_there, **NAVIGATION}, "/prompt", "POST") == 403
    assert get({**from_there, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}) == 403
    assert get({**from_there, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}) == 403
    assert get(from_there) == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_the_address_bar_may_do_all(site: str) -> None:
    assert get({"Sec-Fetch-Site": site}, "/prompt", "POST") == 200


def test_a_websocket_of_another_sites_page_is_refused() -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client().websocket_connect("/ws", headers={"Origin": "http://evil.example"}),
    ):
        pass
    assert refused.value.status_code == 403
    with client().websocket_connect("/ws", headers={"Origin": HOME, "Host": "127.0.0.1:8188"}) as socket:
        assert socket.receive_text() == "default"


@pytest.mark.anyio
async def test_a_websocket_is_closed_where_the_server_cannot_answer_it_otherwise() -> None:
    sent = await answer_to([(b"host", b"evil.example")], type="websocket", scheme="ws", path="/ws")
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


@pytest.mark.anyio
async def test_start_and_end_of_the_server_pass() -> None:
    assert await answer_to([], type="lifespan") == [{"type": "passed"}]


def test_the_routes_learn_whose_a_request_is() -> None:
    answer = client(Known()).get("/queue", headers={"Authorization": "Bearer inhouse_ann"})
    assert answer.json()["user"] == "ann"


def test_a_stranger_is_told_to_say_who_they_are() -> None:
    answer = client(Known()).get("/queue")
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "unauthenticated"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [NAVIGATION, {"Accept": "text/html,application/xhtml+xml"}])
def test_a_strangers_browser_gets_a_page_to_log_in(headers: dict[str, str]) -> None:
    answer = client(Known()).get("/", headers=headers)
    assert answer.status_code == 401
    assert '<form method="post" action="/login">' in answer.text
    assert "<script" not in answer.text


def test_a_strangers_websocket_is_refused() -> None:
    with (
        pytest.raises((WebSocketDenialResponse, WebSocketDisconnect)) as refused,
        client(Known()).websocket_connect("/ws", headers={"Host": "127.0.0.1:8188"}),
    ):
        pass
    assert isinstance(refused.value, WebSocketDenialResponse)
    assert refused.value.status_code == 401


def test_whether_we_live_may_be_asked_by_anybody_under_our_name() -> None:
    house = client(Known())
    assert [house.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 401]
    assert house.get("/healthz", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("path", ["/healthz/", "//healthz", "/healthz/..", "/HEALTHZ", "/healthz%00"])
def test_what_only_looks_open_is_not(path: str) -> None:
    assert client(Known()).get(HOME + path).status_code == 401


def test_who_guesses_has_to_wait_and_others_have_not() -> None:
    house = client(Known())
    assert house.get("/x", headers={"Authorization": "Bearer inhouse_ann"}).status_code == 200
    wrong = {"Authorization": "Bearer guess"}
    answers = [house.get("/x", headers=wrong) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1].headers["retry-after"] == "60"
    assert house.get("/x").status_code == 401, "who sends no token does not guess"
    assert house.get("/x", headers={"Authorization": "Bearer inhouse_ann"}).status_code == 200


HEADER = st.sampled_from(
    [b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"authorization", b"cookie", b"accept"]
)
VALUE = st.binary(max_size=40) | st.sampled_from(
    [
        *(
            b"localhost",
            b"127.0.0.1:8188",
            b"evil.example",
            b"localhost:8188@evil.example",
            b"localhost\x00",
            b"[::1]:80",
        ),
        *(b"http://localhost", b"http://evil.example", b"null", b"http://localhost, http://evil.example"),
        *(
            b"cross-site",
            b"same-origin",
            b"navigate",
            b"Bearer inhouse_ann",
            b"inhouse_token=inhouse_ann",
            b"text/html",
        ),
    ]
)


@given(st.lists(st.tuples(HEADER, VALUE), max_size=6), st.sampled_from(["http", "websocket"]))
@pytest.mark.anyio
async def test_whatever_headers_come_they_are_answered_and_only_ours_pass(
    headers: list[tuple[bytes, bytes]], kind: str
) -> None:
    sent = await answer_to(headers, type=kind, path="/x", client=("10.0.0.1", 1))
    assert sent[0]["type"] in ("passed", "http.response.start", "websocket.close")
    assert sent[0].get("status", 400) in (400, 403)
    if sent == [{"type": "passed"}]:
        told = [value for name, value in headers if name in (b"host", b"origin")]
        assert not any(b"evil" in value for value in told)
        host = parse_authority(next(value for name, value in headers if name == b"host").decode("latin-1"))
        assert host is not None
        assert is_loopback(host.host)


CALL = "/services/minilm"


def test_a_programs_call_of_a_service_passes_the_same_gate() -> None:
    known = client(Known())
    assert known.post(CALL).status_code == 401
    told = known.post(CALL, headers={"Authorization": "Bearer inhouse_ann"})
    assert (told.status_code, told.json()["user"]) == (200, "ann")
    assert client(base="http://evil.example").post(CALL).status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_another_site_calls_no_service(headers: dict[str, str]) -> None:
    assert client().post(CALL, headers=headers).status_code == 403
