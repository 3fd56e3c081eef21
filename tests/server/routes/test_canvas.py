from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.server.replay import replay
from tests.server.routes.conftest import Serve

from inhouse.server.routes import canvas

SCRIPT = "console.log(1);\n" * 200


@pytest.fixture
def static(tmp_path: Path) -> Path:
    files = {
        "static/index.html": "<!doctype html><title>ComfyUI</title>" + " " * 2000,
        "static/assets/app-1.js": SCRIPT,
        "static/assets/small.js": "1",
        "templates/index.json": "[]",
        "docs/KSampler/en.md": "# KSampler",
        "server.py": "secret",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "static"


@pytest.fixture
def client(serve: Serve, static: Path, tmp_path: Path) -> TestClient:
    folders = {"templates": tmp_path / "templates", "docs": tmp_path / "docs"}
    return serve(canvas.routes(static, tmp_path / "cache", folders))


def test_files_are_served_as_comfyui_serves_them(client: TestClient) -> None:
    body_differs = ("/templates/index.json",)
    # what a browser never sends, since it resolves dots itself; nothing is found either way
    outside = ("/../server.py", "/..%2fserver.py", "/%2e%2e/server.py")
    # one route of users' data among the static ones
    replay(client, "http_static", skip=(*body_differs, *outside, "/user.css", "/api/userdata/user.css"))


@pytest.mark.parametrize(
    "path",
    [
        "/..%2fserver.py",
        "/%2e%2e/server.py",
        "/assets/..%2f..%2fserver.py",
        "/%2Fetc%2Fpasswd",
        "/%00",
        "/" + "n" * 300,
    ],
)
def test_no_address_leads_out_of_the_canvas_folder(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text


def test_the_page_is_asked_for_anew_and_not_sent_again(client: TestClient) -> None:
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_scripts_are_compressed_for_whom_that_helps(client: TestClient, static: Path, tmp_path: Path) -> None:
    asked = {"accept-encoding": "br, gzip;q=0.5"}
    first = client.get("/assets/app-1.js", headers=asked)
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["content-type"] == "application/javascript"
    assert first.text == SCRIPT
    assert [gzip.decompress(path.read_bytes()).decode() for path in (tmp_path / "cache").rglob("*.gz")] == [SCRIPT]
    (static / "assets" / "app-1.js").write_text(SCRIPT.upper())
    assert client.get("/assets/app-1.js", headers=asked).text == SCRIPT.upper()
    assert len(list((tmp_path / "cache").rglob("*.gz"))) == 1


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br"])
def test_a_client_that_cannot_take_gzip_gets_none(client: TestClient, accepted: str) -> None:
    response = client.get("/assets/app-1.js", headers={"accept-encoding": accepted})
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "accept-encoding"


def test_small_files_are_sent_as_they_are(client: TestClient) -> None:
    assert "content-encoding" not in client.get("/assets/small.js", headers={"accept-encoding": "gzip"}).headers


def test_a_cache_that_cannot_be_written_keeps_nobody_from_the_canvas(
    serve: Serve, static: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    client = serve(canvas.routes(static, tmp_path / "cache", {}))
    assert client.get("/assets/app-1.js", headers={"accept-encoding": "gzip"}).text == SCRIPT


def test_further_folders_are_served(client: TestClient) -> None:
    assert client.get("/docs/KSampler/en.md").text == "# KSampler"
    assert client.get("/docs/KSampler/..%2F..%2Fserver.py").status_code == 404
    assert client.get("/api/docs/KSampler/en.md").status_code == 404


def test_without_a_canvas_the_page_says_how_to_install_it(serve: Serve, tmp_path: Path) -> None:
    client = serve(canvas.routes(None, tmp_path, {}))
    response = client.get("/")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "pip install" in response.text
    assert client.get("/assets/app-1.js").status_code == 404


def test_the_installed_canvas_is_found() -> None:
    found = canvas.frontend()
    assert found is None or (found / "index.html").is_file()
