from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.server.replay import exchanges, replay
from tests.server.routes.conftest import Serve

from inhouse.server.routes import system


class OneWorker:
    async def devices(self) -> Sequence[Mapping[str, Any]]:
        names = ("vram_total", "vram_free", "torch_vram_total", "torch_vram_free")
        return [{"name": "cpu", "type": "cpu", "index": None, **dict.fromkeys(names, 1)}]

    def versions(self) -> Mapping[str, str]:
        return {"torch": "2.14.1"}


def test_the_machine_is_shown_field_for_field(serve: Serve) -> None:
    client = serve(system.routes(OneWorker(), {}))
    for exchange in exchanges("http_system_stats"):
        found, wanted = client.get(exchange["request"]["path"]).json(), exchange["response"]["body"]
        assert set(found["system"]) - {"inhouse_version"} == set(wanted["system"])
        assert [set(device) for device in found["devices"]] == [set(device) for device in wanted["devices"]]
        assert all(isinstance(found["system"][name], type(value)) for name, value in wanted["system"].items())


def test_no_path_of_the_server_is_told(serve: Serve) -> None:
    assert "/" not in "".join(serve(system.routes(OneWorker(), {})).get("/system_stats").json()["system"]["argv"])


def test_features_are_those_of_the_socket(serve: Serve) -> None:
    features = {"supports_preview_metadata": True, "max_upload_size": 104857600}
    replay(serve(system.routes(OneWorker(), features)), "http_features")


def test_every_route_has_the_methods_it_has_in_comfyui(serve: Serve) -> None:
    client = serve(system.routes(OneWorker(), {}))
    assert client.head("/system_stats").content == b""
    assert client.head("/system_stats").headers["content-type"] == "application/json; charset=utf-8"
    replay(client, "http_methods", only=lambda request: request["path"] == "/system_stats")
    assert client.options("/system_stats").status_code == 200
