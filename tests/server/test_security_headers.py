from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.testclient import TestClient

from inhouse.server.routes.canvas import frontend
from inhouse.server.security_headers import SecurityHeaders, canvas_policy


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()

    @app.get("/plain")
    def plain() -> Response:
        return Response("x")

    @app.get("/own")
    def own() -> Response:
        return Response("x", headers={"content-security-policy": "sandbox"})

    app.add_middleware(SecurityHeaders, policy=canvas_policy(None))
    return TestClient(app, base_url="http://gateway:8188")


def directives(response: Response) -> dict[str, str]:
    policy = response.headers["content-security-policy"]
    return {name: rest for name, _, rest in (part.partition(" ") for part in policy.split("; "))}


def test_a_page_may_call_nobody_but_us(client: TestClient) -> None:
    found = directives(client.get("/plain"))  # type: ignore[arg-type]
    assert found["connect-src"] == "'self' data: blob: ws://gateway:8188 wss://gateway:8188"
    assert all("*" not in sources and "http" not in sources for sources in found.values())


def test_no_script_but_known_ones_runs(client: TestClient) -> None:
    found = directives(client.get("/plain"))  # type: ignore[arg-type]
    assert "'unsafe-inline'" not in found["script-src"]
    assert "'unsafe-eval'" not in found["script-src"]
    assert found["object-src"] == "'none'"


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for path in ("/plain", "/nope"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["referrer-policy"] == "same-origin"


def test_a_route_may_be_stricter(client: TestClient) -> None:
    assert client.get("/own").headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize("host", ["x; script-src *", "a b", "*", "x'"])
def test_a_host_that_is_none_does_not_get_into_the_policy(client: TestClient, host: str) -> None:
    policy = client.get("/plain", headers={"host": host}).headers["content-security-policy"]
    assert "connect-src 'self' data: blob:;" in policy


def test_the_pages_own_inline_scripts_are_known_by_their_hashes(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="a.js"></script><script type="x">let a = 1;</script>')
    digest = base64.b64encode(hashlib.sha256(b"let a = 1;").digest()).decode()
    assert f"blob: 'wasm-unsafe-eval' 'sha256-{digest}';" in canvas_policy(tmp_path / "index.html")


@pytest.mark.skipif(frontend() is None, reason="the canvas is not installed")
def test_the_installed_canvas_has_no_script_that_would_not_run() -> None:
    folder = frontend()
    assert folder is not None
    html = (folder / "index.html").read_text()
    assert "'sha256-" in canvas_policy(folder / "index.html")
    assert not any(f" {event}=" in html for event in ("onload", "onerror", "onclick"))
