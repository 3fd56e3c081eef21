from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.replay import exchanges, replay, send
from tests.server.routes.conftest import Serve

from inhouse.server.routes import canvas, user_settings, userdata
from inhouse.server.user_folders import UserFolders
from inhouse.server.user_settings import UserSettings


@pytest.fixture
def client(serve: Serve, folders: UserFolders) -> TestClient:
    return serve(userdata.routes(folders), canvas.routes(None, folders.state / "cache", {}))


@pytest.fixture
def written(client: TestClient) -> TestClient:
    """Return a client of a user who has what the recorded one had."""
    for exchange in exchanges("http_userdata_write_read"):
        send(client, exchange["request"], {"<2 bytes>": b"\0\1"})
    return client


def test_files_are_kept_and_read_as_comfyui_does(client: TestClient) -> None:
    # a file without bytes is text of no character set, whichever way it is asked for
    replay(client, "http_userdata_write_read", uploads={"<2 bytes>": b"\0\1", '{"x":22}': b'{"x":22}'})


def test_files_are_listed_as_comfyui_lists_them(written: TestClient) -> None:
    replay(written, "http_userdata_list", skip=("/userdata?dir=.",))
    assert sorted(written.get("/userdata?dir=.").json()) == ["a.json", "bin.dat", "empty.txt"]


def test_a_tree_is_shown_as_comfyui_shows_it(written: TestClient) -> None:
    replay(written, "http_userdata_v2")


def test_files_are_moved_as_comfyui_moves_them(client: TestClient) -> None:
    replay(client, "http_userdata_move")


def test_files_are_deleted_as_comfyui_deletes_them(written: TestClient) -> None:
    replay(written, "http_userdata_delete")


def test_nobody_gets_out_of_their_folder(client: TestClient, folders: UserFolders) -> None:
    replay(client, "http_userdata_traversal", skip=("/userdata/..",))
    assert not (folders.state / "users" / "evil.txt").exists()


def test_a_file_of_many_folders_is_one_name(client: TestClient) -> None:
    client.post("/userdata/a%2Fmove%2Fb", content=b"here")
    assert client.get("/api/userdata/a%2Fmove%2Fb").content == b"here"
    assert client.get("/userdata/a/move/b").status_code == 404


def test_users_who_say_who_they_are_have_what_is_theirs_as_in_comfyui(serve: Serve, folders: UserFolders) -> None:
    def known(request: Mapping[str, Any]) -> bool:
        names = {name.lower(): value for name, value in request.get("headers", {}).items()}
        return "comfy-user" in names and names["comfy-user"] != "nobody"

    client = serve(userdata.routes(folders), user_settings.routes(UserSettings(folders)))
    replay(client, "multi_settings_userdata", only=known, skip=("/userdata?dir=.",))
    listed = client.get("/userdata?dir=.", headers={"comfy-user": "Ann-B-_<UUID_ANN>"}).json()
    assert sorted(listed) == ["comfy.settings.json", "f.txt"]


def test_users_files_lie_apart(client: TestClient) -> None:
    ann, bob = {"comfy-user": "ann"}, {"comfy-user": "bob"}
    client.post("/userdata/f.txt", content=b"ann", headers=ann)
    assert client.get("/userdata/f.txt", headers=ann).content == b"ann"
    assert client.get("/userdata/f.txt", headers=bob).status_code == 404
    assert client.get("/userdata?dir=.", headers=bob).json() == []
    assert client.get("/userdata/..%2Fann%2Ff.txt", headers=bob).status_code == 403


def test_a_page_that_a_user_kept_runs_nothing(client: TestClient) -> None:
    client.post("/userdata/x.html", content=b"<script>alert(1)</script>")
    response = client.get("/userdata/x.html")
    assert response.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in response.headers["content-security-policy"]


def test_a_style_sheet_of_the_user_is_one(client: TestClient) -> None:
    client.post("/userdata/user.css", content=b"a {}")
    response = client.get("/api/userdata/user.css")
    assert (response.headers["content-type"], response.headers["cache-control"]) == ("text/css", "private, no-cache")


@pytest.mark.parametrize("name", ["a%2Fb", "%00", "n" * 300, "a%2F", "%2E", "x%2F..", "%FF", "%ED%A0%80"])
def test_a_name_that_no_file_can_have_is_the_clients_fault(client: TestClient, name: str) -> None:
    client.post("/userdata/a", content=b"a file, no folder")
    for response in (client.post(f"/userdata/{name}", content=b"x"), client.post(f"/userdata/a/move/{name}")):
        assert response.status_code in (200, 400, 403, 404)
    assert client.get(f"/userdata/{name}").status_code in (200, 403, 404)


def test_hidden_files_are_kept_and_not_listed(client: TestClient) -> None:
    client.post("/userdata/workflows%2F.index.json", content=b"{}")
    assert client.get("/userdata/workflows%2F.index.json").json() == {}
    assert client.get("/userdata?dir=workflows&recurse=true").json() == []


def test_links_are_not_followed_out_of_the_folder(client: TestClient, folders: UserFolders) -> None:
    profile = folders.profile("default")
    profile.mkdir(parents=True)
    (profile / "out").symlink_to(folders.input)
    (folders.input / "hers.png").write_bytes(b"x")
    assert client.get("/userdata/out%2Fhers.png").status_code == 403
    assert client.get("/userdata?dir=.&recurse=true").json() == []
    assert client.post("/userdata/out%2Fnew.txt", content=b"x").status_code == 403


def test_a_large_file_comes_through_whole(client: TestClient) -> None:
    content = bytes(range(256)) * 10_000
    assert client.post("/userdata/large.bin", content=content).json() == "large.bin"
    assert client.get("/userdata/large.bin").content == content


def test_a_disk_without_room_for_the_body_is_told(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", full)
    response = client.post("/userdata/large.bin", content=bytes(2_000_000))
    assert (response.status_code, response.json()["error"]["type"]) == (507, "output_unwritable")
