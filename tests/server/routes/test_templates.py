from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.server.routes.conftest import Serve

from inhouse.plugins import load_packs
from inhouse.server.routes import templates
from inhouse.server.templates import Templates


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(templates.routes(Templates(load_packs(installed=False).hook.register_templates())))


@pytest.mark.parametrize(
    ("address", "title"), [("index.json", "Text to image"), ("index.zh.json", "文生图"), ("index.zh-TW.json", "文生图")]
)
def test_the_browser_lists_templates_in_its_language(client: TestClient, address: str, title: str) -> None:
    answer = client.get(f"/templates/{address}")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert title in [entry["title"] for entry in answer.json()[0]["templates"]]


def test_a_template_is_a_workflow_with_a_picture(client: TestClient) -> None:
    assert "nodes" in client.get("/templates/text-to-image.json").json()
    picture = client.get("/templates/text-to-image-1.webp")
    assert (picture.headers["content-type"], picture.content[8:12]) == ("image/webp", b"WEBP")


def test_no_vendor_has_a_logo(client: TestClient) -> None:
    assert client.get("/templates/index_logo.json").json() == {}


@pytest.mark.parametrize("name", ["nothing.json", "templates.toml", "..%2f__init__.py", "index.%00.json"])
def test_there_is_nothing_else(client: TestClient, name: str) -> None:
    answer = client.get(f"/templates/{name}")
    assert (answer.status_code, answer.content) == (404, b"")


def test_packs_may_have_templates_without_texts(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    answer = serve(templates.routes(Templates([tmp_path]))).get("/templates/index.json")
    assert [entry["title"] for entry in answer.json()[0]["templates"]] == ["mine"]
