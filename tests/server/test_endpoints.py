import pytest

from inhouse.server.endpoints import Endpoints

ENDPOINTS = Endpoints([("GET", "/a/{}"), ("POST", "/a/b"), ("*", "/any/{*}"), ("GET", "/api/mine"), ("GET", "/x.y")])


@pytest.mark.parametrize(
    ("method", "path", "served"),
    [
        ("GET", "/a/b", True),
        ("POST", "/a/b", True),
        ("DELETE", "/a/b", False),
        ("GET", "/a/b/c", False),
        ("GET", "/a/", False),
        ("GET", "/a/b\n", True),
        ("PATCH", "/any/a/b", True),
        ("GET", "/any/", True),
        ("GET", "/any", False),
        ("websocket", "/a/live", True),
        ("websocket", "/nowhere", False),
        ("GET", "/xzy", False),
    ],
)
def test_only_what_packs_serve_is_found(method: str, path: str, *, served: bool) -> None:
    assert (ENDPOINTS.find(method, path) == path) is served


def test_a_path_may_have_two_names() -> None:
    assert ENDPOINTS.find("GET", "/mine", "/api/mine") == "/api/mine"


def test_without_endpoints_nothing_is_found() -> None:
    assert Endpoints().find("GET", "/") is None
