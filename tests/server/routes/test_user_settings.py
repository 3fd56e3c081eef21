from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.server.replay import replay
from tests.server.routes.conftest import Serve

from inhouse.server.routes import canvas, user_settings
from inhouse.server.user_folders import UserFolders
from inhouse.server.user_settings import FILE, UserSettings


@pytest.fixture
def client(serve: Serve, folders: UserFolders) -> TestClient:
    return serve(user_settings.routes(UserSettings(folders)), canvas.routes(None, folders.state / "cache", {}))


def test_settings_are_kept_as_comfyui_keeps_them(client: TestClient) -> None:
    replay(client, "http_settings")


def test_a_broken_file_counts_as_empty(client: TestClient, folders: UserFolders) -> None:
    profile = folders.profile("default")
    profile.mkdir(parents=True)
    (profile / FILE).write_text("{broken")
    replay(client, "http_settings_corrupt_file")


def test_everybody_has_their_own(client: TestClient) -> None:
    client.post("/settings/Comfy.A", content=b"1", headers={"comfy-user": "ann"})
    assert client.get("/settings", headers={"comfy-user": "ann"}).json() == {"Comfy.A": 1}
    assert client.get("/settings", headers={"comfy-user": "bob"}).json() == {}


@pytest.mark.parametrize(
    "body", [b"NaN", b'"\\ud800"', b"\xef\xbb\xbf1", b"[" * 5000, b"[" * 1000 + b"]" * 1000, b"{", b""]
)
def test_what_no_canvas_could_read_back_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/settings/Comfy.A", content=body)
    assert (response.status_code, response.json()["error"]["type"]) == (400, "request_invalid")
    assert client.get("/settings").json() == {}


def test_settings_without_end_are_refused(client: TestClient) -> None:
    assert client.post("/settings/a", json="x" * 3_000_000).status_code == 200
    assert client.post("/settings/b", json="x" * 3_000_000).status_code == 413
    assert list(client.get("/settings").json()) == ["a"]
