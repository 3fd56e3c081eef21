"""Whatever comes over the wire, it is answered, tells nothing of the server's disk, and harms nobody else."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from urllib.parse import quote

import pytest
from tests.gateway import Gateway, sink
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

SECRET = "what nobody may read"
NAMES = [
    "../secret.txt",
    "../../secret.txt",
    "..",
    ".",
    "",
    "/",
    "/etc/passwd",
    "a/../../secret.txt",
    "..\\secret.txt",
    "C:\\secret.txt",
    "link.txt",
    "link/secret.txt",
    "a\0.png",
    "\udcff",
    "~/x",
    "x" * 300,
    "x/" * 2000,
    "CON",
    "file:///etc/passwd",
    "%2e%2e%2fsecret.txt",
    "....//secret.txt",
    "secret.txt [output]",
    "../secret.txt [input]",
    "|id",
    "\u202etxt.exe",
]
WAYS = [
    ("GET", "/view?filename={}"),
    ("GET", "/view?filename=secret.txt&subfolder={}"),
    ("GET", "/view?filename=secret.txt&type={}"),
    ("GET", "/view?filename=a.png&preview={}&channel={}"),
    ("GET", "/userdata?dir={}&recurse=true&full_info=true"),
    ("GET", "/v2/userdata?path={}"),
    ("GET", "/userdata/{}"),
    ("POST", "/userdata/{}"),
    ("POST", "/userdata/x/move/{}"),
    ("POST", "/userdata/{}/move/x"),
    ("DELETE", "/userdata/{}"),
    ("GET", "/settings/{}"),
    ("GET", "/models/{}"),
    ("GET", "/experiment/models/{}"),
    ("GET", "/experiment/models/preview/checkpoints/0/{}"),
    ("GET", "/experiment/models/preview/{}/0/a.png"),
    ("GET", "/view_metadata/checkpoints?filename={}"),
    ("GET", "/view_metadata/{}?filename=secret.txt"),
    ("GET", "/internal/files/{}"),
    ("GET", "/extensions/wire_probe/{}"),
    ("GET", "/extensions/{}"),
    ("GET", "/workflow_templates/wire_probe/{}"),
    ("GET", "/api/workflow_templates/{}/x.json"),
    ("GET", "/global_subgraphs/{}"),
    ("GET", "/object_info/{}"),
    ("GET", "/history/{}"),
    ("GET", "/jobs/{}/assets"),
    ("GET", "/docs/{}"),
    ("GET", "/{}"),
]


@pytest.fixture(scope="module")
def target(gateway: Gateway) -> Iterator[Gateway]:
    """Return the gateway with a secret beside its folders, and links to it in them; afterwards, all is well with it."""
    (gateway.folder / "secret.txt").write_text(SECRET)
    for name in ("input", "output"):
        folder = gateway.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "link.txt").symlink_to(gateway.folder / "secret.txt")
        (folder / "link").symlink_to(gateway.folder)
    yield gateway
    assert (gateway.folder / "secret.txt").read_text() == SECRET
    assert gateway.over(gateway.submit(sink(1))) == "completed"
    assert "Traceback" not in gateway.log()


def _harmless(gateway: Gateway, place: object, status: int, body: bytes) -> None:
    assert status < 500, (place, status, body[:500])
    for word in (SECRET, str(gateway.folder), "/work/", "site-packages", "Traceback", "root:x:"):
        assert word.encode() not in body, (place, word)


# -- names of files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), WAYS)
def test_no_name_leads_out_of_its_folder(target: Gateway, method: str, path: str) -> None:
    for name in NAMES:
        for safe in ("", "/"):
            given = quote(name.encode("utf-8", "surrogateescape"), safe=safe)
            answer = target.ask(method, path.replace("{}", given), b"x" if method == "POST" else None)
            _harmless(target, (method, path, name), answer.status, answer.body)


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_no_upload_lands_outside_its_folder(target: Gateway, kind: str) -> None:
    before = _listing(target)
    for name in NAMES:
        for fields in ({}, {"subfolder": name}, {"type": name}, {"original_ref": json.dumps({"filename": name})}):
            sent = _form(name if not fields else "a.png", b"no picture", {"overwrite": "true", **fields})
            answer = target.ask("POST", f"/upload/{kind}", sent, headers=FORM)
            _harmless(target, (kind, name, fields), answer.status, answer.body)
    assert _listing(target) == before


# -- uploads that lie --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.png", b"<script>alert(1)</script>"),
        ("page.html", b"<script>alert(1)</script>"),
        ("page.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("code.js", b"alert(1)"),
        (
            "bomb.png",
            b"\x89PNG\r\n\x1a\n"
            b"\0\0\0\rIHDR" + struct.pack(">II", 2**31 - 1, 2**31 - 1) + b"\x08\x06\0\0\0" + b"\0" * 99,
        ),
        ("empty.png", b""),
    ],
)
def test_what_was_uploaded_never_runs_in_a_browser_whatever_it_says_it_is(
    target: Gateway, name: str, content: bytes
) -> None:
    answer = target.ask("POST", "/upload/image", _form(name, content, {"overwrite": "1"}), headers=FORM)
    _harmless(target, name, answer.status, answer.body)
    for query in ("", "&preview=webp", "&channel=rgb", "&channel=a"):
        shown = target.ask("GET", f"/view?type=input&filename={name}{query}")
        _harmless(target, (name, query), shown.status, shown.body)
        kind = shown.headers.get("content-type", "")
        assert not kind.startswith(("text/html", "text/javascript", "application/javascript", "image/svg"))


@pytest.mark.parametrize(
    "lie",
    [
        b"Content-Length: 1000000000\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nabcde",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"Content-Length: 100\r\n\r\nshort",
        b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
def test_a_body_that_lies_about_its_size_holds_nobody_up(target: Gateway, lie: bytes) -> None:
    head = b"POST /upload/image HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with socket.create_connection(("127.0.0.1", target.port), timeout=30) as wire:
        wire.sendall(head % target.port + lie)
        wire.shutdown(socket.SHUT_WR)
        answer = wire.recv(1 << 16)
    assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 422", b"HTTP/1.1 431"), answer[:200]
    assert target.ask("GET", "/prompt").status == 200


# -- WebSockets --------------------------------------------------------------------------------------------------------


def _frame(kind: int, payload: bytes, *, masked: bool = True) -> bytes:
    size = len(payload)
    length = bytes([size | 128 * masked]) if size < 126 else bytes([127 | 128 * masked]) + size.to_bytes(8, "big")
    return bytes([128 | kind]) + length + (b"\0\0\0\0" if masked else b"") + payload


@pytest.mark.parametrize(
    "rubbish",
    [
        _frame(1, b"\xff\xfe{"),
        _frame(1, b"[" * (2 * 1024 * 1024)),
        _frame(2, bytes(range(256)) * 100),
        _frame(2, b"\0" * (2 * 1024 * 1024)),
        _frame(1, b"{}", masked=False),
        _frame(5, b"{}"),
        bytes([0xC1]) + _frame(1, b"{}")[1:],
        _frame(9, b"x" * 200),
        _frame(8, b"\0"),
        _frame(0, b"no beginning"),
        bytes([129, 255]) + b"\xff" * 8,
        b"GET / HTTP/1.1\r\n\r\n",
        random.Random(3).randbytes(10_000),
        b"".join(_frame(1, b'{"type": "feature_flags", "data": {}}') for _ in range(5_000)),
        b"".join(_frame(9, b"ping") for _ in range(5_000)),
    ],
    ids=range(15),
)
def test_rubbish_on_a_socket_ends_it_at_most(target: Gateway, rubbish: bytes) -> None:
    ear = target.listen("good")
    with socket.create_connection(("127.0.0.1", target.port), timeout=30) as wire:
        key = base64.b64encode(os.urandom(16))
        wire.sendall(
            b"GET /ws?clientId=bad HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Version: 13\r\n\r\n" % (target.port, key)
        )
        assert wire.recv(4096).startswith(b"HTTP/1.1 101")
        with contextlib.suppress(OSError):  # it may have hung up already
            wire.sendall(rubbish)
        run_id = target.submit(sink(2), client_id="good")
        ear.until("executing", node=None, prompt_id=run_id)
    ear.close()


# -- foreign pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_foreign_page_gets_nothing_and_does_nothing(target: Gateway, headers: Mapping[str, str]) -> None:
    for method, path in (("GET", "/queue"), ("POST", "/prompt"), ("POST", "/interrupt"), ("GET", "/view?filename=a")):
        answer = target.ask(method, path, {"prompt": sink(3)} if method == "POST" else None, headers=headers)
        assert answer.status in (400, 403)
        _harmless(target, (headers, path), answer.status, answer.body)
    with pytest.raises(InvalidStatus) as refused, _connection(target, headers):
        raise AssertionError
    assert refused.value.response.status_code in (400, 403)
    assert target.remaining() == 0


def _connection(gateway: Gateway, headers: Mapping[str, str]) -> AbstractContextManager[ClientConnection]:
    if "Host" in headers:
        wire = socket.create_connection(("127.0.0.1", gateway.port))
        return connect(f"ws://{headers['Host'] or 'x'}/ws", sock=wire)
    return connect(f"ws://127.0.0.1:{gateway.port}/ws", additional_headers=headers)


FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def _form(name: str, content: bytes, fields: Mapping[str, str]) -> bytes:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    head = f'--b\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'
    return "".join([*parts, head]).encode("utf-8", "surrogateescape") + content + b"\r\n--b--\r\n"


def _listing(gateway: Gateway) -> set[str]:
    """Return what lies beside the folders that uploads go to."""
    inside = tuple(str(gateway.folder / name) for name in ("input", "output", "state", "log"))
    found = (str(path) for path in gateway.folder.rglob("*"))
    return {path for path in found if not path.startswith(inside)}
