from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.replay import replay
from tests.server.routes.conftest import Serve

from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under
from inhouse.server.logbook import Logbook
from inhouse.server.routes import internal
from inhouse.server.user_folders import UserFolders


@pytest.fixture
def told() -> list[tuple[str, Mapping[str, Any]]]:
    return []


@pytest.fixture
def logbook(told: list[tuple[str, Mapping[str, Any]]]) -> Logbook:
    return Logbook(lambda client_id, data: told.append((client_id, data)))


@pytest.fixture
def client(serve: Serve, folders: UserFolders, logbook: Logbook, tmp_path: Path) -> TestClient:
    return serve(internal.routes(logbook, folders, ModelCatalogue(layout_under(tmp_path / "models"))))


def log(logbook: Logbook, message: str) -> None:
    logbook.handle(logging.LogRecord("test", logging.INFO, __file__, 1, message, None, None))


def test_the_log_is_shown_as_text_and_as_entries(client: TestClient, logbook: Logbook) -> None:
    log(logbook, "got prompt")
    text, raw = client.get("/internal/logs").json(), client.get("/internal/logs/raw").json()
    assert text == f"{raw['entries'][0]['t']} - got prompt\n"
    assert raw["size"] == {"cols": 80, "rows": 24}


def test_new_lines_are_sent_to_who_wants_them(
    client: TestClient, logbook: Logbook, told: list[tuple[str, Mapping[str, Any]]]
) -> None:
    log(logbook, "before")
    assert client.patch("/internal/logs/subscribe", json={"clientId": "A", "enabled": True}).content == b""
    log(logbook, "while")
    client.patch("/internal/logs/subscribe", json={"clientId": "A", "enabled": False})
    log(logbook, "after")
    [(client_id, data)] = told
    assert (client_id, data["entries"][0]["m"], data["size"]) == ("A", "while\n", None)


@pytest.mark.parametrize("body", [b"x", b'{"enabled": true}', b'{"clientId": 1, "enabled": true}', b"[]"])
def test_a_wrong_subscription_is_the_clients_fault(client: TestClient, body: bytes) -> None:
    assert client.patch("/internal/logs/subscribe", content=body).status_code == 400


def test_the_log_is_for_admins(client: TestClient) -> None:
    ann = {"comfy-user": "ann"}
    assert client.get("/internal/logs", headers=ann).status_code == 403
    assert client.get("/internal/logs/raw", headers=ann).status_code == 403
    assert client.patch("/internal/logs/subscribe", content=b"{}", headers=ann).status_code == 403


def test_files_are_listed_newest_first(client: TestClient, folders: UserFolders) -> None:
    for age, name in enumerate(("new.png", "old.png")):
        (folders.output / name).write_bytes(b"x")
        os.utime(folders.output / name, (1000 - age, 1000 - age))
    (folders.output / "folder").mkdir()
    assert client.get("/internal/files/output").json() == ["new.png", "old.png"]
    assert client.get("/internal/files/temp", headers={"comfy-user": "ann"}).json() == []


def test_there_are_no_other_folders_and_no_twins(client: TestClient) -> None:
    others = ("/internal/files/bad", "/api/internal/folder_paths")
    replay(client, "http_internal", only=lambda request: request["path"] in others)


def test_model_folders_are_named_and_not_located(client: TestClient, tmp_path: Path) -> None:
    response = client.get("/internal/folder_paths")
    assert response.json()["loras"] == ["models/loras"]
    assert str(tmp_path) not in response.text
