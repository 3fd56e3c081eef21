from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from inhouse import errors as tree
from inhouse.errors import InhouseError
from inhouse.server import errors
from inhouse.server.json_body import JsonResponse

SECRET = "/home/somebody/secret"


def every(kind: type[InhouseError] = InhouseError) -> Iterator[type[InhouseError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__.startswith("inhouse"):
            yield from every(child)


def client_of(error: Exception) -> TestClient:
    app = FastAPI(redirect_slashes=False, openapi_url=None)
    errors.install(app)

    @app.get("/fail")
    def fail() -> None:
        raise error

    @app.get("/number/{value}")
    def number(value: int) -> int:
        return value

    @app.post("/post")
    def post() -> None:
        return None

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("kind", list(dict.fromkeys(every())))
def test_every_error_has_a_status(kind: type[InhouseError]) -> None:
    error = kind.__new__(kind)
    InhouseError.__init__(error, "What is wrong.", hint="What to do.")
    assert 400 <= errors.status_of(error) < 600


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (tree.PathEscapeError(f"'..' leaves its folder {SECRET}.", hint="Use a name inside the folder."), 403),
        (tree.OutputError(f"Cannot write {SECRET}: disk full.", hint="Free some space there."), 507),
        (tree.ModelNotFoundError("There is no 'a'.", hint=f"Looked in {SECRET}."), 404),
        (tree.FileError(f"Cannot read {SECRET}."), 422),
        (tree.StorageError(f"{SECRET}/inhouse.db is locked."), 503),
        (tree.WorkerLostError(f"{SECRET} was killed."), 503),
        (tree.InternalError(f"{SECRET}"), 500),
        (ValueError(SECRET), 500),
    ],
)
def test_nobody_learns_where_files_lie(error: Exception, status: int) -> None:
    response = client_of(error).get("/fail")
    assert response.status_code == status
    assert SECRET not in response.text
    assert "Traceback" not in response.text


def test_an_error_is_told_in_comfyuis_shape() -> None:
    response = client_of(tree.RunConflictError("It was used.", hint="Take another key.")).get("/fail")
    assert response.status_code == 409
    assert response.json() == {
        "error": {"type": "run_conflict", "message": "It was used.", "details": "Take another key.", "extra_info": {}},
        "node_errors": {},
    }


def test_who_is_not_known_is_told_how_to_say_it() -> None:
    response = client_of(tree.UnauthenticatedError("Who are you?")).get("/fail")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


def test_what_there_is_not_is_answered_as_comfyui_does() -> None:
    client = client_of(ValueError())
    for response in (client.get("/nope"), client.get("/post")):
        assert (response.status_code, response.content) == (404, b"")
        assert response.headers["content-type"] == "application/octet-stream"
    refused = client.put("/post")
    assert (refused.status_code, refused.text, refused.headers["allow"]) == (405, "405: Method Not Allowed", "POST")


@given(
    text=st.text(min_size=1, max_size=20).filter(lambda text: not text.strip().lstrip("+-").replace("_", "").isdigit())
)
def test_a_malformed_value_is_named(text: str) -> None:
    from urllib.parse import quote

    response = client_of(ValueError()).get(f"/number/{quote(text, safe='')}")
    assert response.status_code in (404, 422)
    if response.status_code == 422:
        assert response.json()["error"]["type"] == "request_invalid"


def test_json_of_ours_names_its_character_set() -> None:
    assert JsonResponse({}).headers["content-type"] == "application/json; charset=utf-8"
