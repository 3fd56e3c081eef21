from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from inhouse.errors import RemoteError, UsageError
from inhouse.packs.benchmark.model import Load
from inhouse.packs.benchmark.service_subject import Caller, ServiceSubject


class Server:
    """Answers in four protocols, on a loop of its own."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.status = 200
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.port = 0

    def serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.start())
        self.ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self.runner.cleanup())
        self.loop.close()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/services/rows", self.card)
        app.router.add_get("/v2/models/rows", self.metadata)
        app.router.add_get("/v1/models", self.models)
        for path in ("/services/rows", "/v2/models/rows/infer", "/v1/embeddings", "/own"):
            app.router.add_post(path, self.post)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def card(self, _: web.Request) -> web.Response:
        fields = [
            {"name": "texts", "kind": "text"},
            {"name": "scale", "kind": "number", "rows": False, "example": 2.5},
            {"name": "picture", "kind": "image"},
            {"name": "mood", "kind": "text", "required": False},
            {"name": "x", "kind": "tensor", "dtype": "float32", "shape": [2, 3]},
        ]
        return web.json_response({"inputs": fields})

    async def metadata(self, _: web.Request) -> web.Response:
        inputs = [
            {"name": "ids", "datatype": "INT64", "shape": [-1, -1]},
            {"name": "text", "datatype": "BYTES", "shape": [-1]},
        ]
        return web.json_response({"name": "rows", "inputs": inputs})

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "rows"}]})

    async def post(self, request: web.Request) -> web.Response:
        self.seen.append(json.loads(await request.read()))
        self.tokens.append(request.headers.get("Authorization"))
        return web.json_response({}, status=self.status)


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    found.thread.start()
    found.ready.wait(30)
    yield found
    found.loop.call_soon_threadsafe(found.loop.stop)
    found.thread.join(30)


def measured(server: Server, path: str, load: Load, **caller: Any) -> Any:
    subject = ServiceSubject(f"http://127.0.0.1:{server.port}{path}", Caller(**caller))
    try:
        subject.open()
        return subject.measure(load, 0.0, load.concurrency), subject.variant
    finally:
        subject.close()


def test_a_native_service_is_asked_for_what_its_card_says(server: Server) -> None:
    part, variant = measured(server, "/services/rows", Load(3), token="secret")
    assert (len(part.latencies), part.errors) == (1, {})
    inputs = server.seen[0]["inputs"]
    assert "mood" not in inputs
    assert (len(inputs["texts"]), inputs["scale"], len(inputs["picture"])) == (3, 2.5, 3)
    assert [len(inputs["x"]), len(inputs["x"][0]), len(inputs["x"][0][0])] == [3, 2, 3]
    assert server.tokens == ["Bearer secret"]
    assert "secret" not in json.dumps([variant.name, variant.target, dict(variant.traits)])
    assert variant.memory["peak"] > 0
    assert part.cpu is not None


def test_an_inference_server_is_asked_by_its_metadata(server: Server) -> None:
    measured(server, "/v2/models/rows", Load(2))
    ids, text = server.seen[0]["inputs"]
    assert (ids["shape"], len(ids["data"])) == ([2, 32], 64)
    assert (text["shape"], len(text["data"])) == ([2], 2)


def test_embeddings_are_asked_of_the_first_model_there_is(server: Server) -> None:
    measured(server, "/v1/embeddings", Load(4))
    assert server.seen[0]["model"] == "rows"
    assert len(server.seen[0]["input"]) == 4


def test_callers_ask_at_once(server: Server) -> None:
    part, _ = measured(server, "/v1/embeddings", Load(1, 5))
    assert len(part.latencies) == 5


def test_an_open_loop_sends_at_its_rate(server: Server) -> None:
    subject = ServiceSubject(f"http://127.0.0.1:{server.port}/v1/embeddings", Caller())
    try:
        subject.open()
        assert len(subject.measure(Load(1, 1, 1000.0), 30.0, 10).latencies) == 10
    finally:
        subject.close()


def test_refusals_are_counted_by_status(server: Server) -> None:
    server.status = 429
    part, _ = measured(server, "/v1/embeddings", Load(1, 2))
    assert (part.latencies, part.errors) == ([], {"429": 2})


def test_a_service_that_says_nothing_of_itself_needs_a_body(server: Server, tmp_path: Any) -> None:
    with pytest.raises(RemoteError, match="--data"):
        measured(server, "/own", Load())
    (tmp_path / "body.json").write_text('{"a": 1}')
    measured(server, "/own", Load(), body=tmp_path / "body.json")
    assert server.seen == [{"a": 1}]


def test_a_service_that_is_not_there_is_told(server: Server) -> None:
    with pytest.raises(RemoteError, match=r"There is nothing at http.*/services/gone"):
        measured(server, "/services/gone", Load())


def test_an_address_at_which_nobody_is_is_told() -> None:
    subject = ServiceSubject("http://127.0.0.1:1/services/a", Caller())
    try:
        with pytest.raises(RemoteError, match="cannot be reached"):
            subject.open()
    finally:
        subject.close()


@pytest.mark.parametrize("url", ["ftp://host/a", "http://", "://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        ServiceSubject(url, Caller())


def test_passwords_in_addresses_are_not_told() -> None:
    assert ServiceSubject("http://me:secret@host/services/a", Caller()).variant.name == "http://host/services/a"
