from __future__ import annotations

import io
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient
from tests.server.pictures import picture
from tests.server.replay import replay
from tests.server.routes.conftest import Serve

from inhouse.server.routes import view
from inhouse.server.user_folders import UserFolders


@pytest.fixture
def client(serve: Serve, folders: UserFolders) -> TestClient:
    (folders.output / "sub").mkdir()
    (folders.input / "up.png").write_bytes(picture())
    (folders.output / "sub" / "o.png").write_bytes(picture())
    (folders.output / "rgb.png").write_bytes(picture("RGB"))
    (folders.output / "page.html").write_bytes(b"<b>x</b>")
    (folders.output / "a.js").write_bytes(b"1")
    (folders.output / "a.svg").write_bytes(b"<svg/>")
    (folders.output / "a.json").write_bytes(b"{}")
    (folders.output / "a.mp4").write_bytes(bytes(100))
    (folders.output / "a.unknownext").write_bytes(b"1")
    return serve(view.routes(folders))


def test_files_are_shown_as_comfyui_shows_them(client: TestClient) -> None:
    inert = "application/octet-stream"
    replay(
        client,
        "http_view",
        content_types={"/view?filename=a.js": inert, "/view?filename=a.svg": inert},
        skip=("range beyond the end",),
    )


def test_what_cannot_be_shown_is_refused_as_comfyui_refuses_it(client: TestClient) -> None:
    replay(client, "http_view_errors")


def test_a_range_beyond_the_end_is_refused(client: TestClient) -> None:
    response = client.get("/view?filename=a.mp4", headers={"range": "bytes=500-"})
    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */100"


@pytest.mark.parametrize("name", ["page.html", "a.js", "a.svg", "rgb.png", "a.json"])
def test_nothing_that_a_user_brought_acts_on_our_pages(client: TestClient, name: str) -> None:
    response = client.get(f"/view?filename={name}")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "private"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["content-type"].split(";")[0] not in (
        "text/html",
        "image/svg+xml",
        "application/javascript",
    )


def test_a_file_that_the_client_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/view?filename=rgb.png")
    again = client.get("/view?filename=rgb.png", headers={"if-none-match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    dated = client.get("/view?filename=rgb.png", headers={"if-modified-since": first.headers["last-modified"]})
    assert dated.status_code == 304
    other = client.get("/view?filename=rgb.png", headers={"if-none-match": '"other"'})
    assert other.status_code == 200


def test_channels_are_what_they_say(client: TestClient) -> None:
    def pixel(channel: str) -> tuple[int, ...]:
        content = client.get(f"/view?filename=up.png&type=input&channel={channel}").content
        found = Image.open(io.BytesIO(content)).getpixel((0, 0))
        assert isinstance(found, tuple)
        return found

    assert pixel("rgb") == (255, 0, 0)
    assert pixel("a") == (0, 0, 0, 77)
    assert pixel("rgba") == (255, 0, 0, 77)


def test_a_file_of_a_name_that_no_header_can_carry_is_shown(client: TestClient, folders: UserFolders) -> None:
    name = 'ünï "quoted" 图.png'
    (folders.output / name).write_bytes(picture())
    response = client.get("/view", params={"filename": name})
    assert response.status_code == 200
    assert quote(name, safe="") in response.headers["content-disposition"]


def test_a_link_that_leads_out_is_not_followed(client: TestClient, folders: UserFolders) -> None:
    (folders.state / "secret.txt").write_text("secret")
    (folders.output / "link.txt").symlink_to(folders.state / "secret.txt")
    assert client.get("/view?filename=link.txt").status_code == 403


def test_users_see_their_own_files_only(client: TestClient, folders: UserFolders) -> None:
    own = folders.of("ann").output
    own.mkdir(parents=True)
    (own / "hers.png").write_bytes(picture())
    assert client.get("/view?filename=hers.png", headers={"comfy-user": "ann"}).status_code == 200
    assert client.get("/view?filename=hers.png", headers={"comfy-user": "bob"}).status_code == 404
    assert client.get("/view?filename=rgb.png", headers={"comfy-user": "ann"}).status_code == 404


@given(name=st.text(max_size=300), subfolder=st.text(max_size=40), kind=st.text(max_size=8), shown=st.text(max_size=12))
def test_no_query_breaks_it_or_tells_where_files_lie(
    tmp_path_factory: pytest.TempPathFactory, name: str, subfolder: str, kind: str, shown: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "hostile"
    found = UserFolders(root / "input", root / "output", root / "temp", root / "state")
    client = _client(found)
    response = client.get("/view", params={"filename": name, "subfolder": subfolder, "type": kind, "preview": shown})
    assert response.status_code in (400, 403, 404)
    assert str(root) not in response.text


def _client(folders: UserFolders) -> TestClient:
    from fastapi import FastAPI
    from tests.server.routes.conftest import Known

    app = FastAPI()
    app.include_router(view.routes(folders))
    app.add_middleware(Known)
    return TestClient(app)
