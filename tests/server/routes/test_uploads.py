from __future__ import annotations

import io
import json

import pytest
from PIL import Image
from starlette.testclient import TestClient
from tests.server.pictures import picture
from tests.server.replay import replay
from tests.server.routes.conftest import Serve

from inhouse.server.routes import uploads, view
from inhouse.server.user_folders import UserFolders

ONE = picture()
BODIES = {
    "<78 bytes>": ONE,
    "<79 bytes>": ONE + b"\0",
    "<5 bytes>": b"hello",
    "<0 bytes>": b"",
    "<18 bytes>": b"<script></script> ",
}


@pytest.fixture
def client(serve: Serve, folders: UserFolders) -> TestClient:
    return serve(uploads.routes(folders), view.routes(folders))


def test_files_are_kept_as_comfyui_keeps_them(client: TestClient, folders: UserFolders) -> None:
    others = {"same name, other bytes again": b"second", "overwrite=yes is not overwrite": b"third"}
    replay(client, "http_upload_image", uploads={**BODIES, **others})
    assert (folders.input / "up (1).png").read_bytes() != (folders.input / "up.png").read_bytes()
    assert (folders.input / "my" / "sub" / "up.png").read_bytes() == ONE


def test_what_cannot_be_kept_is_refused(client: TestClient, folders: UserFolders) -> None:
    (folders.input / "up.png").write_bytes(ONE)
    replay(client, "http_upload_image_bad", uploads=BODIES)
    assert not list(folders.input.parent.glob("*.png"))


def test_masks_are_kept_as_comfyui_keeps_them(client: TestClient, folders: UserFolders) -> None:
    (folders.input / "up.png").write_bytes(picture(color=(255, 0, 0, 255)))
    missing, outside = (
        "original missing on disk: 200 and nothing is written",
        ("original_ref traversal: 200 and nothing is written"),
    )
    replay(
        client,
        "http_upload_mask",
        uploads={"<78 bytes>": picture(color=(0, 0, 0, 77))},
        statuses={missing: 404, outside: 400},
        skip=("mask of other size",),
    )
    saved = Image.open(folders.input / "clipspace" / "clip-mask.png")
    assert (saved.mode, saved.getpixel((0, 0))) == ("RGBA", (255, 0, 0, 77))


def test_a_mask_of_another_size_is_refused(client: TestClient, folders: UserFolders) -> None:
    (folders.output / "up.png").write_bytes(picture())
    response = client.post(
        "/upload/mask",
        files={"image": ("m.png", picture(size=(5, 4)))},
        data={"original_ref": json.dumps({"filename": "up.png"})},
    )
    assert response.status_code == 422
    assert list(folders.input.iterdir()) == []


def test_a_masked_picture_keeps_its_workflow(client: TestClient, folders: UserFolders) -> None:
    (folders.output / "up.png").write_bytes(picture(text='{"nodes": []}'))
    reference = {"original_ref": json.dumps({"filename": "up.png"})}
    response = client.post("/upload/mask", files={"image": ("m.png", picture(color=(0, 0, 0, 9)))}, data=reference)
    shown = client.get("/view", params={"filename": response.json()["name"], "type": "input"}).content
    saved = Image.open(io.BytesIO(shown))
    assert saved.info["workflow"] == '{"nodes": []}'
    assert saved.getpixel((0, 0)) == (255, 0, 0, 9)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "a" * 300 + ".png"),
        ({}, "."),
        ({"subfolder": "b" * 300}, "a.png"),
        ({"subfolder": "file.txt"}, "a.png"),
        ({"subfolder": "x\0y"}, "a.png"),
        ({"subfolder": "link"}, "a.png"),
    ],
)
def test_a_name_that_no_file_can_have_is_the_clients_fault(
    client: TestClient, folders: UserFolders, fields: dict[str, str], name: str
) -> None:
    (folders.input / "file.txt").write_text("x")
    (folders.input / "link").symlink_to(folders.state)
    response = client.post("/upload/image", files={"image": (name, b"x")}, data=fields)
    assert response.status_code in (400, 422)
    assert str(folders.input) not in response.text
    assert sorted(path.name for path in folders.input.iterdir()) == ["file.txt", "link"]
    assert list(folders.state.iterdir()) == []


def test_a_full_disk_is_told_without_the_folders_name(
    client: TestClient, folders: UserFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    response = client.post("/upload/image", files={"image": ("a.png", b"x")})
    assert (response.status_code, response.json()["error"]["type"]) == (507, "output_unwritable")
    assert str(folders.input) not in response.text
    assert list(folders.input.iterdir()) == []


def test_users_files_lie_apart(client: TestClient, folders: UserFolders) -> None:
    response = client.post("/upload/image", files={"image": ("a.png", b"x")}, headers={"comfy-user": "ann"})
    assert response.json() == {"name": "a.png", "subfolder": "", "type": "input"}
    assert (folders.of("ann").input / "a.png").read_bytes() == b"x"
    assert not (folders.input / "a.png").exists()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=x"),
        (
            b"".join(b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n' % n for n in range(50))
            + b"--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_a_form_that_is_none_is_the_clients_fault(client: TestClient, content: bytes, kind: str) -> None:
    response = client.post("/upload/image", content=content, headers={"content-type": kind})
    assert (response.status_code, response.content) == (400, b"")


@pytest.mark.parametrize(
    "reference",
    [
        "[]",
        "{}",
        '{"filename": 1}',
        '{"filename": "a.png", "type": "bad"}',
        '{"filename": "a.png", "subfolder": 7}',
        "\ud800",
    ],
)
def test_a_reference_that_names_no_picture_is_the_clients_fault(client: TestClient, reference: str) -> None:
    body = {"original_ref": reference.encode("utf-8", "surrogatepass")}
    response = client.post("/upload/mask", files={"image": ("m.png", picture())}, data=body)
    assert (response.status_code, response.json()["error"]["type"]) == (422, "request_invalid")


def test_a_text_that_is_sent_as_a_file_is_the_clients_fault(client: TestClient) -> None:
    response = client.post("/upload/image", files={"image": ("m.png", b"x"), "type": ("t", b"input")})
    assert response.status_code == 422
