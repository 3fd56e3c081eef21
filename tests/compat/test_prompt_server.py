import asyncio
import json
import logging
import struct
from typing import Any

import pytest
from PIL import Image

from inhouse.compat.prompt_server import BinaryEventTypes, PackHost, PromptServer, server_class

Said = list[tuple[Any, Any, Any]]


@pytest.fixture
def said() -> Said:
    return []


@pytest.fixture
def host(said: Said) -> PackHost:
    return PackHost(say=lambda *message: said.append(message))


@pytest.fixture
def server(host: PackHost) -> PromptServer:
    return server_class(host).instance


def test_messages_reach_a_canvas_or_all(server: PromptServer, said: Said) -> None:
    server.send_sync("mine.event", {"a": (1, float("nan"))}, "canvas")
    asyncio.run(server.send("mine.event", None))
    asyncio.run(server.send_json("mine.event", [1]))
    assert said == [("mine.event", {"a": [1, None]}, "canvas"), ("mine.event", None, None), ("mine.event", [1], None)]


def test_a_picture_becomes_a_preview(server: PromptServer, said: Said) -> None:
    picture = Image.new("RGBA", (64, 32), "red")
    server.send_sync(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, ("JPEG", picture, 16), "c")
    server.send_sync(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, ("PNG", picture, None), "c")
    (jpeg_type, jpeg, _), (png_type, png, _) = said
    assert (jpeg_type, png_type) == (1, 1)
    assert (jpeg[:4], png[:4]) == (struct.pack(">I", 1), struct.pack(">I", 2))
    assert (jpeg[4:6], png[4:8]) == (b"\xff\xd8", b"\x89PNG")
    assert picture.size == (64, 32)


def test_a_preview_with_metadata_says_what_kind_it_is(server: PromptServer, said: Said) -> None:
    preview = ("PNG", Image.new("RGB", (4, 4)), None)
    server.send_sync(BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA, (preview, {"node_id": "1"}))
    ((kind, data, _),) = said
    (size,) = struct.unpack(">I", data[:4])
    assert kind == 4
    assert json.loads(data[4 : 4 + size]) == {"node_id": "1", "image_type": "image/png"}
    assert data[4 + size :].startswith(b"\x89PNG")


def test_bytes_and_texts_go_as_they_are(server: PromptServer, said: Said) -> None:
    asyncio.run(server.send_bytes(7, b"abc", "c"))
    server.send_progress_text("é", "12")
    assert said == [(7, b"abc", "c"), (3, struct.pack(">I", 2) + b"12" + "é".encode(), None)]


def test_handlers_change_prompts_and_one_that_fails_is_told_about(
    server: PromptServer, host: PackHost, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_body: Any) -> Any:
        raise ValueError("no")

    def in_place(body: Any) -> None:
        body["seen"] = True

    server.add_on_prompt_handler(lambda body: {**body, "n": 1})
    server.add_on_prompt_handler(fails)
    server.add_on_prompt_handler(in_place)
    with caplog.at_level(logging.ERROR):
        assert host.on_prompt({"prompt": {}}) == {"prompt": {}, "n": 1, "seen": True}
    assert "fails" in caplog.text
    assert server.trigger_on_prompt({}) == {"n": 1, "seen": True}


def test_packs_learn_what_runs(server: PromptServer, host: PackHost) -> None:
    assert (server.client_id, server.last_node_id, server.last_prompt_id) == (None, None, None)
    host.client_id, host.run_id = "canvas", "run"
    assert (server.client_id, server.last_prompt_id) == ("canvas", "run")
    server.client_id = None
    assert host.client_id is None


def test_what_is_not_known_is_as_if_it_were_not_there(server: PromptServer, host: PackHost) -> None:
    assert getattr(server, "loop", None) is None
    assert getattr(server, "port", None) is None
    host.address = ("127.0.0.1", 8188)
    assert (server.address, server.port) == ("127.0.0.1", 8188)


def test_each_class_has_its_own_instance() -> None:
    one, two = server_class(PackHost()), server_class(PackHost())
    assert one.instance is not two.instance
    assert isinstance(one.instance, one)
    assert not hasattr(PromptServer, "instance")


def test_looking_at_the_routes_is_noticed(server: PromptServer) -> None:
    assert not server.asked_for_routes
    assert list(server.routes) == []
    assert server.asked_for_routes
