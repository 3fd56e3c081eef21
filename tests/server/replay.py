"""Replays exchanges that were recorded with a ComfyUI server, and compares what ours answers, field for field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
HEADERS = (
    "content-type",
    "content-disposition",
    "cache-control",
    "content-range",
    "accept-ranges",
    "pragma",
    "expires",
)
VOLATILE = ("modified", "created")
BOUNDARY = "----probeboundary"


def exchanges(name: str) -> list[dict[str, Any]]:
    """Return what was recorded under a name."""
    document: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text())
    return list(document["exchanges"])


def replay(
    client: TestClient,
    name: str,
    *,
    uploads: Mapping[str, bytes] | None = None,
    statuses: Mapping[str, int] | None = None,
    content_types: Mapping[str, str] | None = None,
    skip: tuple[str, ...] = (),
    only: Callable[[Mapping[str, Any]], bool] = lambda _request: True,
) -> None:
    """Send what was recorded, in order, and check each answer.

    Where ComfyUI failed with 500 on what a client did wrong, ours must say 4xx.

    Args:
        client: of our server.
        name: of the capture.
        uploads: bodies by what stands for them in the capture, or by note.
        statuses: where ours is meant to differ, by note or path.
        content_types: likewise.
        skip: notes or paths that are not to be compared.
        only: says which requests are sent at all.

    """
    for exchange in exchanges(name):
        key = exchange.get("note", exchange["request"]["path"])
        path = exchange["request"]["path"]
        if not only(exchange["request"]):
            continue
        given = dict(uploads or {})
        if key in given:  # another body of the same length
            given = dict.fromkeys(given, given[key])
        response = send(client, exchange["request"], given)
        if key in skip or path in skip:
            continue
        wanted = exchange["response"]
        place = f"{name}: {exchange['request']['method']} {path} ({exchange.get('note', '')})"
        status = (statuses or {}).get(key, wanted["status"])
        if status == 500:
            assert 400 <= response.status_code < 500, (place, response.status_code)
            continue
        assert response.status_code == status, (place, response.status_code, response.text)
        if status != wanted["status"]:
            continue
        _check_headers(place, response.headers, wanted, (content_types or {}).get(path))
        _check_body(place, response, wanted)


def send(client: TestClient, request: Mapping[str, Any], uploads: Mapping[str, bytes]) -> Any:
    """Send a recorded request."""
    headers, body = dict(request.get("headers", {})), request.get("body")
    content: bytes = b""
    if isinstance(body, dict) and "multipart" in body:
        content = _multipart(body["multipart"], uploads)
    elif isinstance(body, dict) and set(body) == {"raw"}:
        content = uploads.get(body["raw"], body["raw"].encode())
    elif "body" in request:
        content = json.dumps(body).encode()
    return client.request(request["method"], request["path"], headers=headers, content=content or None)


def _multipart(fields: list[dict[str, str]], uploads: Mapping[str, bytes]) -> bytes:
    parts = []
    for field in fields:
        name = f'; filename="{field["filename"]}"' if "filename" in field else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field["name"]}"{name}\r\n\r\n'
        parts.append(head.encode() + uploads.get(field["value"], field["value"].encode()) + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _check_headers(place: str, headers: Mapping[str, str], wanted: Mapping[str, Any], content_type: str | None) -> None:
    expected = dict(wanted["headers"])
    if content_type is not None:
        expected["content-type"] = content_type
    if headers.get("cache-control", "").startswith("private"):  # which ours adds to what is somebody's own
        expected["cache-control"] = headers["cache-control"]
    for name in HEADERS:
        assert headers.get(name) == expected.get(name), (place, name)
    assert ("etag" in headers) == ("etag" in expected), place


def _check_body(place: str, response: Any, wanted: Mapping[str, Any]) -> None:
    if "text" in wanted:
        assert response.text == wanted["text"], place
    elif "body" in wanted:
        assert _steady(response.json()) == _steady(wanted["body"]), place
    elif "binary" in wanted:
        assert response.content[:4] == bytes.fromhex(wanted["binary"]["head_hex"])[:4], place
    elif "length" in wanted and not wanted["length"]:
        assert response.content == b"", place


def _steady(value: Any) -> Any:
    """Return a value without its times."""
    if isinstance(value, dict):
        return {key: None if key in VOLATILE else _steady(each) for key, each in value.items()}
    return [_steady(each) for each in value] if isinstance(value, list) else value
