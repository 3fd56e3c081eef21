"""A version that is an endpoint elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from inhouse.errors import DeadlineError, OverloadedError, RemoteError
from inhouse.models.signature import Field
from inhouse.server.services.base import Call
from inhouse.server.services.remote_target import RemoteTarget
from inhouse.storage.services import Version
from inhouse.workers.replicas.messages import Blob

pytestmark = pytest.mark.anyio
FIELDS: dict[str, Any] = {
    "fields_in": (Field("texts", "text"),),
    "fields_out": (Field("embeddings", "tensor", dtype="float32", shape=(2,)),),
}


class Cloud:
    """An endpoint elsewhere, which answers what it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, Any]] = []
        self.answer: Any = None
        self.status = 200
        self.gate = asyncio.Event()
        self.gate.set()

    async def respond(self, request: web.Request) -> web.Response:
        self.heard.append((request.headers.get("Authorization"), await request.json()))
        await self.gate.wait()
        text = self.answer if isinstance(self.answer, str) else json.dumps(self.answer)
        return web.Response(text=text, status=self.status, headers={"Retry-After": "7"})


@asynccontextmanager
async def opened(**more: Any) -> AsyncIterator[tuple[Cloud, RemoteTarget]]:
    cloud, app = Cloud(), web.Application()
    app.router.add_post("/it", cloud.respond)
    async with TestServer(app) as server:
        version = Version(3, "remote", url=str(server.make_url("/it")), **FIELDS, **more)
        target = RemoteTarget("embed", version, {"CLOUD": "secret"})
        await target.load()
        try:
            yield cloud, target
        finally:
            await target.unload()


def call(seconds: float = float("inf"), **more: Any) -> Call:
    deadline = asyncio.get_running_loop().time() + seconds
    return Call("embed", "ann", 2, {"texts": ["a", "b"]}, deadline, **more)


async def test_another_gateway_is_asked_with_the_token() -> None:
    async with opened(secret="CLOUD") as (cloud, target):
        cloud.answer = {"outputs": {"embeddings": [[1, 0], [0, 1]]}, "version": 1}
        answer = await target.call(call())
        assert (answer.outputs, answer.version) == ({"embeddings": b"[[1,0],[0,1]]"}, 3)
        assert cloud.heard == [("Bearer secret", {"inputs": {"texts": ["a", "b"]}})]
        blob = (await target.call(call(encoding="binary"))).outputs["embeddings"]
        assert isinstance(blob, Blob)
        assert (blob.dtype, blob.shape) == ("float32", (2, 2))


async def test_openais_protocol() -> None:
    async with opened(protocol="openai", bindings={"model": "small"}) as (cloud, target):
        cloud.answer = {"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]}
        assert (await target.call(call())).outputs == {"embeddings": b"[[1,0],[0,1]]"}
        assert cloud.heard[0][1] == {"model": "small", "input": ["a", "b"], "encoding_format": "float"}


async def test_the_open_inference_protocol() -> None:
    async with opened(protocol="oip") as (cloud, target):
        tensor = {"name": "embeddings", "datatype": "FP32", "shape": [2, 2], "data": [1, 0, 0, 1]}
        cloud.answer = {"outputs": [tensor]}
        assert (await target.call(call())).outputs == {"embeddings": b"[[1,0],[0,1]]"}
        (sent,) = cloud.heard[0][1]["inputs"]
        assert sent == {"name": "texts", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (429, {}, OverloadedError),
        (500, {}, RemoteError),
        (302, {}, RemoteError),
        (200, "no JSON", RemoteError),
        (200, {"outputs": {}}, RemoteError),
        (200, [], RemoteError),
    ],
)
async def test_whatever_it_answers_is_told(status: int, answer: Any, error: type[Exception]) -> None:
    async with opened() as (cloud, target):
        cloud.status, cloud.answer = status, answer
        with pytest.raises(error):
            await target.call(call())
        assert target.stats == {"calls": 1, "failed": 1}


async def test_who_does_not_answer_in_time_is_not_waited_for() -> None:
    async with opened() as (cloud, target):
        cloud.gate.clear()
        with pytest.raises(DeadlineError):
            await target.call(call(0.01))
        cloud.gate.set()


async def test_without_its_token_nothing_is_sent() -> None:
    target = RemoteTarget("embed", Version(3, "remote", url="http://127.0.0.1:9/", secret="CLOUD", **FIELDS), {})
    with pytest.raises(RemoteError, match="token"):
        await target.load()
    with pytest.raises(RemoteError):
        await target.call(call())
