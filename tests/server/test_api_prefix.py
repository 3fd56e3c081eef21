from __future__ import annotations

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from inhouse.server.api_prefix import ApiPrefix, had_prefix


def seen(raw: str, kind: str = "http") -> Scope:
    """Return the scope that an application sees of a request for an address."""
    from urllib.parse import unquote

    found: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append(scope)

    async def nothing(*_: object) -> None:
        return None

    scope = {"type": kind, "path": unquote(raw), "raw_path": raw.encode()}
    asyncio.run(ApiPrefix(app)(scope, nothing, nothing))  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/api/prompt", "/prompt"),
        ("/prompt", "/prompt"),
        ("/api/", "/"),
        ("/api", "/api"),
        ("/apis/x", "/apis/x"),
        ("/api/api/x", "/api/x"),
        ("/api/extensions", "/extensions"),
        ("/api/extensions/pack/a.js", "/api/extensions/pack/a.js"),
        ("/api/internal/logs", "/api/internal/logs"),
        ("/api/templates/index.json", "/api/templates/index.json"),
        ("/api/workflow_templates/pack/a.json", "/workflow_templates/pack/a.json"),
        ("/userdata/a%2Fb.json", "/userdata/a%2Fb.json"),
        ("/api/userdata/a%2fb%20c.json", "/userdata/a%2Fb c.json"),
        ("/userdata/a%252Fb", "/userdata/a%2Fb"),
        ("/view%3Fx", "/view?x"),
    ],
)
def test_a_route_sees_the_address_without_api_and_encoded_slashes_as_sent(raw: str, path: str) -> None:
    assert seen(raw)["path"] == path


def test_a_route_can_tell() -> None:
    assert had_prefix(seen("/api/x"))
    assert not had_prefix(seen("/x"))


def test_sockets_have_a_twin_too() -> None:
    scope = seen("/api/ws", "websocket")
    assert (scope["path"], scope["raw_path"]) == ("/ws", b"/ws")


def test_what_is_no_request_is_handed_on() -> None:
    assert seen("/api/x", "lifespan")["path"] == "/api/x"
