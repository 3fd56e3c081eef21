import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from inhouse.compat.pack_server import PackServer
from inhouse.compat.prompt_server import PackHost, PromptServer, server_class
from inhouse.errors import FileError

Use = Callable[[aiohttp.ClientSession], Awaitable[Any]]


async def hello(request: web.Request) -> web.Response:
    return web.json_response(dict(request.match_info))


@pytest.fixture
def server() -> PromptServer:
    return server_class(PackHost()).instance


def use(server: PromptServer, path: Path, use_it: Use) -> Any:
    async def run() -> Any:
        packs = PackServer(server)
        await packs.start(path)
        try:
            async with aiohttp.ClientSession("http://packs", connector=aiohttp.UnixConnector(str(path))) as session:
                return await use_it(session)
        finally:
            await packs.close()

    return asyncio.run(run())


def test_routes_are_served_on_a_socket_of_ours_alone(server: PromptServer, tmp_path: Path) -> None:
    server.routes.get("/mine/{name}")(hello)
    path = tmp_path / "sockets" / "packs"

    async def ask(session: aiohttp.ClientSession) -> Any:
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        async with session.get("/mine/a%20b") as response:
            return await response.json()

    assert use(server, path, ask) == {"name": "a b"}
    assert not path.exists()


def test_a_socket_that_a_dead_process_left_is_replaced(server: PromptServer, tmp_path: Path) -> None:
    path = tmp_path / "packs"
    path.touch()
    server.app.router.add_get("/x", hello)

    async def ask(session: aiohttp.ClientSession) -> int:
        async with session.get("/x") as response:
            return response.status

    assert use(server, path, ask) == 200


def test_endpoints_say_what_is_served(server: PromptServer, tmp_path: Path) -> None:
    server.routes.post("/a")(hello)
    server.routes.get("/b/{name}/{tail:.*}")(hello)
    server.routes.route("*", "/any")(hello)
    server.app.router.add_static("/files", tmp_path)
    inner = web.Application()
    inner.router.add_get("/x", hello)
    server.app.add_subapp("/inner/", inner)

    async def start() -> list[tuple[str, str]]:
        packs = PackServer(server)
        try:
            return await packs.start(tmp_path / "s")
        finally:
            await packs.close()

    assert set(asyncio.run(start())) == {
        ("POST", "/a"),
        ("GET", "/b/{}/{*}"),
        ("HEAD", "/b/{}/{*}"),
        ("*", "/any"),
        ("GET", "/files/{*}"),
        ("HEAD", "/files/{*}"),
        ("*", "/inner/{*}"),
    }


def test_without_routes_nothing_is_served(server: PromptServer, tmp_path: Path) -> None:
    async def start() -> list[tuple[str, str]]:
        return await PackServer(server).start(tmp_path / "s")

    assert asyncio.run(start()) == []
    assert server.routes is not None
    assert asyncio.run(start()) == []
    assert not (tmp_path / "s").exists()


def test_a_route_that_is_there_already_is_named_and_harms_no_other(server: PromptServer, tmp_path: Path) -> None:
    server.routes.post("/same")(hello)
    server.routes.post("/same")(hello)
    server.routes.post("/other")(hello)

    async def start() -> tuple[list[str], list[tuple[str, str]]]:
        packs = PackServer(server)
        found = await packs.start(tmp_path / "s")
        await packs.close()
        return packs.problems, found

    problems, found = asyncio.run(start())
    assert found == [("POST", "/same"), ("POST", "/other")]
    assert len(problems) == 1
    assert "/same" in problems[0]


def test_a_path_too_long_for_a_socket_is_named(server: PromptServer, tmp_path: Path) -> None:
    server.routes.get("/x")(hello)
    with pytest.raises(FileError, match="too long for the path of a socket"):
        asyncio.run(PackServer(server).start(tmp_path / ("x" * 120)))


def test_a_folder_that_cannot_be_made_is_named(server: PromptServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    server.routes.get("/x")(hello)
    with pytest.raises(FileError, match=r"Cannot serve on .*file"):
        asyncio.run(PackServer(server).start(tmp_path / "file" / "s"))
