from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.testclient import TestClient

from inhouse.server.methods import Methods
from inhouse.server.served_files import served


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "a.bin").write_bytes(bytes(range(100)))
    app = FastAPI()

    @app.get("/{name}")
    def show(request: Request, name: str) -> Response:
        return served(request, tmp_path / name, "application/octet-stream")

    app.add_middleware(Methods)
    return TestClient(app)


def test_a_part_is_sent_to_who_wants_a_part(client: TestClient) -> None:
    response = client.get("/a.bin", headers={"range": "bytes=10-19"})
    assert (response.status_code, response.content) == (206, bytes(range(10, 20)))


def test_a_part_of_a_file_that_changed_is_sent_whole(client: TestClient) -> None:
    response = client.get("/a.bin", headers={"range": "bytes=10-19", "if-range": '"of another file"'})
    assert (response.status_code, len(response.content)) == (200, 100)


def test_head_tells_the_size(client: TestClient) -> None:
    response = client.head("/a.bin")
    assert (response.headers["content-length"], response.content) == ("100", b"")


@pytest.mark.parametrize("since", ["", "yesterday", "Mon, 99 Foo 2020 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_that_is_none_or_long_past_brings_the_file(client: TestClient, since: str) -> None:
    assert client.get("/a.bin", headers={"if-modified-since": since}).status_code == 200


def test_a_file_that_is_not_there_or_is_a_folder_is_not_found(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("none", "folder", "n" * 300):
        response = client.get(f"/{name}")
        assert (response.status_code, response.content) == (404, b"")
