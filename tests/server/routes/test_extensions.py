from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.server.replay import exchanges, replay
from tests.server.routes.conftest import Serve

from inhouse.server.routes import canvas, extensions
from inhouse.workers.base import PackDescription


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> TestClient:
    pack, core = tmp_path / "wire_probe", tmp_path / "core"
    files = {
        pack / "js" / "probe.js": "console.log(1)",
        pack / "__init__.py": "secret",
        pack / "example_workflows" / "demo.json": '{"nodes":[],"links":[]}',
        pack / "locales" / "en" / "main.json": '{"greeting": "hi"}',
        pack / "locales" / "en" / "nodeDefs.json": '{"ProbeAdd": {"display_name": "Add!"}}',
        pack / "locales" / "de" / "main.json": "{broken",
        pack / "subgraphs" / "Upscale.json": '{"nodes": []}',
        core / "groupNode.js": "",
        core / "load3d" / "Viewer.js": "",
        core / "style.css": "",
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    packs = (PackDescription("wire_probe", web=pack / "js", folder=pack), PackDescription("bare"))
    return serve(
        extensions.routes(lambda: packs, {"core": core}), canvas.routes(None, tmp_path / "cache", {"docs": pack})
    )


def test_scripts_are_listed_and_served_as_in_comfyui(client: TestClient) -> None:
    replay(client, "http_extensions", skip=("/extensions", "/extensions/wire_probe/..%2F__init__.py"))
    listed = ["/extensions/wire_probe/probe.js", "/extensions/core/groupNode.js", "/extensions/core/load3d/Viewer.js"]
    assert client.get("/extensions").json() == listed
    assert all(client.get(path).status_code == 200 for path in listed)


def test_no_address_leads_out_of_a_scripts_folder(client: TestClient) -> None:
    for path in ("..%2F__init__.py", "../__init__.py", "%2Fetc%2Fpasswd", "%00"):
        assert client.get(f"/extensions/wire_probe/{path}").status_code in (403, 404)


def test_example_workflows_are_listed_and_served_as_in_comfyui(client: TestClient) -> None:
    replay(client, "http_workflow_templates", skip=("only under /api",))
    assert client.get("/workflow_templates/wire_probe/..%2F__init__.py").status_code == 404
    assert client.get("/workflow_templates/nope/demo.json").status_code == 404


def test_translations_are_merged_and_broken_ones_left_out(client: TestClient) -> None:
    assert client.get("/i18n").json() == {**exchanges("http_i18n")[0]["response"]["body"], "de": {}}


def test_subgraphs_are_listed_and_served(client: TestClient) -> None:
    [(identifier, entry)] = client.get("/global_subgraphs").json().items()
    assert entry == {"name": "Upscale", "info": {"node_pack": "wire_probe"}}
    assert client.get(f"/global_subgraphs/{identifier}").json() == {"data": '{"nodes": []}'}
    assert client.get("/global_subgraphs/nope").status_code == 404
