"""What clients see of routes that a custom pack has added, through the gateway's proxy and the worker's socket."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from inhouse import Registry
from inhouse.compat.custom_nodes import CustomNodes
from inhouse.compat.pack_server import PackServer
from inhouse.compat.prompt_server import PackHost
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.server.endpoints import Endpoints
from inhouse.server.identity import Identity
from inhouse.server.routes.packs import routes

PACK = Path(__file__).parents[2] / "data" / "custom_nodes" / "gallery_notes"


@dataclass
class Worker:
    """A pack and the socket that its routes are served on, in a thread with a loop of its own."""

    root: Path
    said: list[tuple[Any, ...]] = field(default_factory=list)
    served: tuple[Path, Endpoints] | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        folders = Folders(self.root / "input", self.root / "output", self.root / "temp")
        for folder in (folders.input, folders.output, folders.temp):
            folder.mkdir()
        shutil.copytree(PACK, self.root / "packs" / PACK.name)
        host = PackHost(say=lambda *message: self.said.append(message), loop=self._loop)
        self._nodes = CustomNodes(self.root / "packs", Registry(), folders, ModelCatalogue({}), host)
        assert self._nodes.problems == []
        self._server = PackServer(self._nodes.server)
        path = self.root / "sockets" / "packs"
        self.served = path, Endpoints(self._run(self._server.start(path)))
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._nodes.close()

    def stop(self) -> None:
        self._run(self._server.close())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path) as running:
        yield running


@pytest.fixture
def client(worker: Worker) -> Iterator[TestClient]:
    inner = FastAPI()
    inner.router.routes += routes(lambda: worker.served).routes

    @inner.get("/{rest:path}")
    async def canvas(rest: str) -> PlainTextResponse:
        return PlainTextResponse(f"canvas {rest}")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {**scope.get("state", {}), "identity": Identity("ann")}
        await inner(scope, receive, send)

    with TestClient(app) as made:
        yield made


NOTES = "/gallery_notes/notes"


def test_json_goes_both_ways(client: TestClient, worker: Worker) -> None:
    added = client.post(NOTES, json={"note": "fine", "client_id": "c"})
    assert (added.status_code, added.json()) == (201, {"count": 1})
    listed = client.get(NOTES, params={"a": "1 2&3"})
    assert listed.json() == {"notes": ["fine"], "query": {"a": "1 2&3"}}
    assert client.delete(f"{NOTES}/0").json() == {"removed": "fine"}
    assert client.delete(f"{NOTES}/9").status_code == 404
    assert worker.said == [("gallery_notes.added", {"note": "fine"}, "c")]


def test_what_no_pack_serves_is_left_to_others(client: TestClient) -> None:
    assert client.get("/gallery_notes/other").text == "canvas gallery_notes/other"
    assert client.get("/").text == "canvas "
    assert client.put(NOTES).status_code == 405
    assert client.get("/gallery_notes/static/../../secret").text.startswith("canvas")


def test_where_no_pack_has_routes_nothing_is_served(client: TestClient, worker: Worker) -> None:
    worker.served = None
    assert client.get(NOTES).text.startswith("canvas")


def test_files_are_uploaded(client: TestClient) -> None:
    answer = client.post("/gallery_notes/upload", files={"file": ("a.txt", b"x" * 300_000)}, data={"kind": "text"})
    assert answer.json() == {"name": "a.txt", "size": 300_000, "kind": "text"}


def test_bodies_pass_as_streams(client: TestClient) -> None:
    with client.stream("GET", "/gallery_notes/stream") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert "".join(answer.iter_text()) == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    chunks = (bytes([n]) * 1000 for n in range(5))
    assert client.post("/gallery_notes/back", content=chunks).content == b"".join(bytes([n]) * 1000 for n in range(5))


def test_static_files_of_a_pack(client: TestClient) -> None:
    script = client.get("/gallery_notes/static/js/gallery_notes.js")
    assert "registerExtension" in script.text
    assert "javascript" in script.headers["content-type"]
    head = client.head("/gallery_notes/static/js/gallery_notes.js")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(script.content))
    part = client.get("/gallery_notes/static/js/gallery_notes.js", headers={"range": "bytes=0-5"})
    assert (part.status_code, part.text) == (206, script.text[:6])
    assert client.get("/gallery_notes/static/none.js").status_code == 404


def test_packs_learn_who_asks_and_no_secret(client: TestClient) -> None:
    secret = {
        "Cookie": "inhouse_token=t",
        "Authorization": "Bearer t",
        "Comfy-User": "ben",
        "X-Forwarded-For": "1.2.3.4",
        "Connection": "close, X-Hop",
        "X-Hop": "1",
        "X-Pack": "yes",
    }
    answer = client.get("/gallery_notes/echo", headers=secret)
    told = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert answer.json()["user"] == told["comfy-user"] == "ann"
    assert told["x-pack"] == "yes"
    assert not {"cookie", "authorization", "x-forwarded-for", "x-hop"} & told.keys()


def test_packs_set_no_cookies(client: TestClient) -> None:
    assert "set-cookie" not in client.get("/gallery_notes/echo").headers


@pytest.mark.parametrize("path", ["/gallery_notes/echo?a=%2F&b=%20c", "/gallery_notes/echo?x"])
def test_a_path_arrives_as_it_was_sent(client: TestClient, path: str) -> None:
    assert client.get(path).json()["path"] == path


def test_an_error_in_a_pack_is_its_own(client: TestClient) -> None:
    answer = client.get("/gallery_notes/broken")
    assert answer.status_code == 500
    assert "torn" not in answer.text


def test_a_worker_that_is_gone_is_told(client: TestClient, worker: Worker) -> None:
    worker.stop()
    answer = client.get(NOTES)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "worker_lost")
    with pytest.raises(WebSocketDisconnect, check=lambda error: error.code == 1011):
        client.websocket_connect("/gallery_notes/live").__enter__()


def test_a_live_connection_goes_both_ways(client: TestClient) -> None:
    with client.websocket_connect("/gallery_notes/live", subprotocols=["notes"]) as socket:
        assert str(socket.accepted_subprotocol) == "notes"
        socket.send_text("hello")
        assert socket.receive_json() == {"heard": "hello"}
        socket.send_bytes(b"abc")
        assert socket.receive_bytes() == b"cba"
        socket.send_text("bye")
        assert socket.receive()["code"] == 4001


def test_a_client_that_goes_ends_the_live_connection(client: TestClient) -> None:
    with client.websocket_connect("/gallery_notes/live") as socket:
        socket.send_text("hello")
        socket.receive_json()
    assert client.get(NOTES).status_code == 200
