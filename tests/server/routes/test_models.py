from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.server.pictures import picture
from tests.server.replay import exchanges, replay
from tests.server.routes.conftest import Serve

from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under
from inhouse.server.routes import models


def safetensors(metadata: dict[str, str]) -> bytes:
    header = json.dumps({"__metadata__": metadata}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "checkpoints/full_sd15.safetensors": b"x",
        "checkpoints/tiny_sd15.safetensors": b"xy",
        "loras/tiny_lora.safetensors": safetensors(
            {"format": "pt", "note": "random weights, seeded; make_sd15_random.py lora"}
        ),
        "loras/meta.safetensors": safetensors({"ss_tag": "x", "format": "pt"}),
        "loras/broken.safetensors": b"no header",
        "loras/tiny_lora.png": picture(),
        "embeddings/my_emb.safetensors": b"x",
        "embeddings/sub/two.pt": b"x",
        "clip/one.safetensors": b"x",
    }
    for name, content in files.items():
        path = tmp_path / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "models"


@pytest.fixture
def client(serve: Serve, root: Path) -> TestClient:
    return serve(models.routes(ModelCatalogue(layout_under(root))))


def test_models_are_listed_as_comfyui_lists_them(client: TestClient) -> None:
    replay(client, "http_models", skip=("/models", "/models/configs", "/models/loras"))
    recorded = set(exchanges("http_models")[0]["response"]["body"]) - {"custom_nodes"}
    assert set(client.get("/models").json()) == recorded
    assert client.get("/models/loras").json() == ["broken.safetensors", "meta.safetensors", "tiny_lora.safetensors"]


def test_embeddings_are_listed_without_extension(client: TestClient) -> None:
    replay(client, "http_embeddings")


def test_the_library_shows_what_comfyuis_shows(client: TestClient) -> None:
    replay(client, "http_experiment_models", skip=("/experiment/models", "/experiment/models/checkpoints"))
    found = client.get("/experiment/models/checkpoints").json()
    recorded = exchanges("http_experiment_models")[1]["response"]["body"]
    assert [(each["name"], each["pathIndex"]) for each in found] == [
        (each["name"], each["pathIndex"]) for each in recorded
    ]
    assert [each["size"] for each in found] == [1, 2]
    assert [entry["pathIndex"] for entry in client.get("/experiment/models/text_encoders").json()] == [1]


def test_nobody_learns_where_models_lie(client: TestClient, root: Path) -> None:
    found = client.get("/experiment/models").json()
    names = [each["name"] for each in exchanges("http_experiment_models")[0]["response"]["body"]]
    assert sorted(each["name"] for each in found) == sorted(names)
    assert {"name": "text_encoders", "folders": ["models/text_encoders", "models/clip"]} in found
    for path in ("/models/nope", "/view_metadata/loras?filename=nope.safetensors", "/experiment/models"):
        assert str(root) not in client.get(path).text


def test_a_file_tells_its_metadata_as_in_comfyui(client: TestClient) -> None:
    replay(client, "http_view_metadata")
    assert client.get("/view_metadata/loras?filename=broken.safetensors").status_code == 404


@pytest.mark.parametrize("name", ["..%2F..%2Fsecret", "%2Fetc%2Fpasswd", "n" * 300, "%00", ".", "..", "%FF"])
def test_no_name_leads_out_of_a_models_folder(client: TestClient, root: Path, name: str) -> None:
    (root / "secret.png").write_bytes(picture())
    assert client.get(f"/experiment/models/preview/loras/0/{name}").status_code == 404
    assert client.get(f"/view_metadata/loras?filename={name}.safetensors").status_code == 404
