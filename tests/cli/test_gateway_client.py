from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from inhouse.cli.gateway_client import GatewayClient
from inhouse.errors import ReceiptError, RemoteError, UsageError

ANSWERS = {
    "/healthz": (200, b"{}"),
    "/good": (200, b'{"x": 1}'),
    "/refused": (422, b'{"error": {"type": "receipt_invalid", "message": "No.", "details": "Convert it."}}'),
    "/strange": (200, b"<html>"),
    "/list": (200, b"[1]"),
    "/silent": (500, b""),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path.partition("?")[0]]
        self.send_response(status)
        self.send_header("x-token", self.headers.get("authorization", ""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_answers_come_back_and_refusals_as_what_they_were(url: str) -> None:
    client = GatewayClient(url, "secret")
    assert client.answers()
    assert client.local
    assert client.ask("GET", "/good", query={"a": 1}) == {"x": 1}
    with pytest.raises(ReceiptError, match=r"No\. Convert it\."):
        client.ask("GET", "/refused")


@pytest.mark.parametrize("path", ["/strange", "/list"])
def test_what_is_no_gateway_is_told(url: str, path: str) -> None:
    with pytest.raises(RemoteError, match="does not answer as a gateway does"):
        GatewayClient(url).ask("GET", path)


def test_an_answer_that_says_nothing_is_told_by_its_status(url: str) -> None:
    with pytest.raises(RemoteError, match="status 500"):
        GatewayClient(url).ask("GET", "/silent")


def test_nobody_answers_where_nobody_is() -> None:
    assert not GatewayClient("http://127.0.0.1:1").answers()


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://x:99999", "127.0.0.1:8188"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        GatewayClient(url).answers()
