"""Whose a request is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from inhouse.errors import FileError, UsageError
from inhouse.server.auth import Alone, ComfyUser, authenticator_for, is_loopback, sound, token_in, with_token
from inhouse.server.identity import Identity
from inhouse.settings import ServerSettings


def request(*headers: tuple[bytes, bytes], path: str = "/queue") -> Scope:
    return {"type": "http", "method": "GET", "path": path, "headers": list(headers)}


def test_alone_everybody_is_the_sole_user_and_may_do_all() -> None:
    assert Alone().identify(request((b"comfy-user", b"eve"))) == Identity("default", admin=True)


@pytest.mark.parametrize("path", ["/userdata/x", "/api/v2/userdata", "/settings", "/api/settings/a", "/users"])
def test_where_names_are_believed_a_profile_is_whose_the_client_says(path: str) -> None:
    assert ComfyUser().identify(request((b"comfy-user", b"ann_1"), path=path)) == Identity("ann_1")
    assert ComfyUser().identify(request(path=path)) == Identity("default", admin=True)


@pytest.mark.parametrize("path", ["/prompt", "/view", "/ws", "/userdatax", "/api/queue"])
def test_where_names_are_believed_runs_and_files_are_everybodys(path: str) -> None:
    assert ComfyUser().identify(request((b"comfy-user", b"ann_1"), path=path)) == Identity("default", admin=True)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([(b"authorization", b"Bearer inhouse_x")], b"inhouse_x"),
        ([(b"authorization", b"bearer   inhouse_x ")], b"inhouse_x"),
        ([(b"authorization", b"Basic aW5ob3VzZQ==")], None),
        ([(b"authorization", b"Bearer")], None),
        ([(b"authorization", b"Bearer a b")], None),
        ([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")], None),
        ([(b"cookie", b"a=1; inhouse_token=inhouse_x; b=2")], b"inhouse_x"),
        ([(b"cookie", b"a=1"), (b"cookie", b"inhouse_token=inhouse_x")], b"inhouse_x"),
        ([(b"cookie", b"xinhouse_token=inhouse_x")], None),
        ([(b"cookie", b"inhouse_token=")], None),
        ([(b"cookie", b"inhouse_token=a"), (b"authorization", b"Bearer b")], b"b"),
        ([(b"cookie", b"inhouse_token=a"), (b"authorization", b"Basic b")], None),
        ([], None),
    ],
)
def test_a_token_comes_in_a_header_or_in_our_cookie(headers: list[tuple[bytes, bytes]], token: bytes | None) -> None:
    assert token_in(request(*headers)) == token


@given(st.binary(max_size=600), st.binary(max_size=600))
def test_any_bytes_in_headers_are_a_token_or_none(authorization: bytes, cookie: bytes) -> None:
    for headers in (
        [(b"authorization", authorization)],
        [(b"cookie", cookie)],
        [(b"cookie", b"inhouse_token=" + cookie)],
    ):
        token = token_in(request(*headers))
        assert token is None or sound(token) == token


@given(st.from_regex(r"\A[A-Za-z0-9._~+/-]{1,100}={0,2}\Z").map(str.encode))
def test_a_token_given_to_a_request_is_in_it(token: bytes) -> None:
    before = request((b"authorization", b"Bearer other"), (b"cookie", b"inhouse_token=old"), (b"host", b"localhost"))
    assert token_in(with_token(before, token)) == token
    assert token_in(before) == b"other"


@pytest.mark.parametrize("token", [b"", b"a;b", b"a\r\nSet-Cookie: x", b'"', b"=", b"\xff", b"a" * 513])
def test_what_could_break_out_of_a_header_is_no_token(token: bytes) -> None:
    assert sound(token) is None


def test_without_tokens_the_gateway_listens_to_this_machine_only(tmp_path: Path) -> None:
    assert isinstance(authenticator_for(ServerSettings()), Alone)
    assert isinstance(authenticator_for(ServerSettings(host="::1", multi_user=True)), ComfyUser)
    for host in ("0.0.0.0", "192.168.1.2", "::", "", "studio"):
        with pytest.raises(UsageError, match="inhouse token new"):
            authenticator_for(ServerSettings(host=host))
    with pytest.raises(UsageError, match="Set one of the two"):
        authenticator_for(ServerSettings(tokens=tmp_path / "t.toml", multi_user=True))
    with pytest.raises(FileError, match="inhouse token new"):
        authenticator_for(ServerSettings(host="0.0.0.0", tokens=tmp_path / "t.toml"))


def test_loopback_is_what_can_only_be_this_machine() -> None:
    assert all(is_loopback(host) for host in ("localhost", "Localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert not any(is_loopback(host) for host in ("", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.x"))
