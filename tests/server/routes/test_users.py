from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.server.replay import exchanges
from tests.server.routes.conftest import Serve

from inhouse.server.routes import users
from inhouse.server.user_directory import UserDirectory


@pytest.mark.parametrize(("several", "capture"), [(False, "http_users_single"), (True, "multi_users")])
def test_users_are_shown_and_added_as_in_comfyui(serve: Serve, tmp_path: Path, capture: str, *, several: bool) -> None:
    client = serve(users.routes(UserDirectory(tmp_path / "users.json", several=several)))
    for exchange in exchanges(capture):
        request, wanted = exchange["request"], exchange["response"]
        response = client.request(request["method"], request["path"], json=request.get("body"))
        if wanted["status"] == 500:
            assert response.status_code == 422
        else:
            assert response.status_code == wanted["status"]
            assert _without_ids(response.text) == _without_ids(_json(wanted["body"]))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"username": 1}', b'{"username": "\\u0000"}', b'{"username": "%s"}' % (b"x" * 200)]
)
def test_a_name_that_nobody_can_have_is_refused(serve: Serve, tmp_path: Path, body: bytes) -> None:
    directory = UserDirectory(tmp_path / "users.json", several=True)
    response = serve(users.routes(directory)).post("/users", content=body)
    assert response.status_code == 422
    assert directory.names() == {}


def _json(value: object) -> str:
    import orjson

    return orjson.dumps(value).decode()


def _without_ids(text: str) -> str:
    return re.sub(r"_(<UUID_\w+>|[0-9a-f-]{36})", "_ID", text)
