"""What clients see of routes that a custom pack has added, through the gateway's proxy and the worker's socket."""

import asyncio
import hashlib
import http.client
import shutil
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from tests.gateway import PROBES, Gateway
from tests.program import PATIENCE

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


# -- the same pack in a worker's process, behind a whole gateway -------------------------------------------------------


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with Gateway(folder, "--custom-nodes", PROBES, "--models", folder / "models") as running:
        yield running


def note(text: str, **inputs: Any) -> dict[str, Any]:
    given = {"text": text, "picture": "none", "stars": 1, **inputs}
    return {"1": {"class_type": "GalleryNote", "inputs": given}}


def test_a_pack_is_described_with_all_that_it_brings(gateway: Gateway) -> None:
    info = gateway.ask("GET", "/object_info").json
    assert info["GalleryNote"]["display_name"] == "Note on a picture"
    assert "euler" in info["GalleryNote"]["input"]["optional"]["sampler"][0]
    assert info["SlowWeather_Forecast"]["python_module"] == "custom_nodes.slow_weather"
    assert "/extensions/gallery_notes/js/gallery_notes.js" in gateway.ask("GET", "/extensions").json
    assert gateway.ask("GET", "/extensions/gallery_notes/js/gallery_notes.js").status == 200
    assert "one_note" in gateway.ask("GET", "/workflow_templates").json["gallery_notes"]
    assert gateway.ask("GET", "/i18n").json["fr"]["nodeDefs"]["GalleryNote"]["display_name"] == "Note sur une image"


def test_a_pack_that_cannot_be_imported_is_named_and_harms_no_other(gateway: Gateway) -> None:
    logs = "".join(path.read_text() for path in (gateway.folder / "state" / "logs").iterdir())
    assert "'wants_more' cannot be loaded: ModuleNotFoundError: No module named 'a_package_that_nobody_has'" in logs
    assert gateway.ask("GET", "/object_info/GalleryEven").json != {}


def test_a_pack_talks_to_the_canvas_that_asked(gateway: Gateway) -> None:
    ear = gateway.listen("me")
    gateway.submit(note("hello", stars=2), client_id="me")
    assert ear.until("gallery_notes.added")["data"]["note"] == "hello **"
    assert ear.until("executed")["data"]["output"] == {"text": ["hello **"]}
    assert "hello **" in gateway.ask("GET", "/api/gallery_notes/notes").json["notes"]


def test_a_pack_changes_requests_before_they_are_checked(gateway: Gateway) -> None:
    ear = gateway.listen("today")
    gateway.submit(note("{{today}}"), client_id="today")
    assert ear.until("executed")["data"]["output"] == {"text": ["a fine day *"]}


def test_checks_of_packs_refuse_before_anything_runs(gateway: Gateway) -> None:
    odd = {"1": {"class_type": "GalleryEven", "inputs": {"n": 3}}}
    answer = gateway.ask("POST", "/prompt", {"prompt": odd})
    assert (answer.status, b"3 is odd" in answer.body) == (400, True)


def test_a_file_that_came_after_the_pack_was_described_may_be_chosen(gateway: Gateway) -> None:
    (gateway.folder / "input" / "later.png").write_bytes(b"x")
    gateway.over(gateway.submit(note("seen", picture="later.png")))
    listed = gateway.ask("GET", "/object_info/GalleryNote").json["GalleryNote"]["input"]["required"]["picture"][0]
    assert "later.png" in listed


def test_a_large_body_goes_there_and_back_as_it_comes(gateway: Gateway) -> None:
    size, piece = 20_000_000, b"0123456789abcdef" * 4096
    with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE) as connection:
        head = f"POST /gallery_notes/back HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nContent-Length: {size}\r\n\r\n"
        sending = threading.Thread(target=_send, args=(connection, [head.encode(), *_pieces(piece, size)]))
        sending.start()
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        returned = hashlib.sha256(answer.read()).hexdigest()
        sending.join()
    assert answer.status == 200
    assert returned == hashlib.sha256(b"".join(_pieces(piece, size))).hexdigest()


def _send(connection: socket.socket, parts: Iterable[bytes]) -> None:
    for part in parts:
        connection.sendall(part)


def _pieces(piece: bytes, size: int) -> Iterator[bytes]:
    while size:
        yield piece[:size]
        size -= min(size, len(piece))


def test_a_new_style_node_waits_for_its_answer(gateway: Gateway) -> None:
    forecast = {"1": {"class_type": "SlowWeather_Forecast", "inputs": {"place": "Rome", "unit": "kelvin"}}}
    run_id = gateway.submit(forecast)
    assert gateway.over(run_id) == "completed"
    assert gateway.history(run_id)["outputs"] == {"1": {"text": ["Rome: 293.15"]}}
