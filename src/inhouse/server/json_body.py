"""JSON in and out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from inhouse.errors import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request


class JsonResponse(Response):
    """Data as JSON, or a text or bytes that are JSON already."""

    media_type = "application/json"
    charset = "utf-8"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        if isinstance(content, bytes):
            return content
        return content.encode() if isinstance(content, str) else encode_json(content)

    def init_headers(self, headers: Any = None) -> None:
        """Name the character set, as ComfyUI does."""
        super().init_headers(headers)
        self.headers["content-type"] = "application/json; charset=utf-8"


def encode_json(value: Any) -> bytes:
    """Return a value as JSON; a file's name that is no Unicode comes out escaped, as the lone surrogates it has."""
    try:
        return orjson.dumps(value, default=str)
    except orjson.JSONEncodeError:
        return json.dumps(value, default=str).encode()


async def read_json(request: Request, *, empty: Any = None) -> Any:
    """Return a request's body as data; ``empty`` stands for no body at all.

    Raises:
        RequestError: it is no JSON.

    """
    body = await request.body()
    if not body and empty is not None:
        return empty
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The request is no JSON: {error}.", hint="Send a JSON document in UTF-8.") from error


async def read_object(request: Request, *, empty: Any = None) -> dict[str, Any]:
    """Return a request's body as a JSON object.

    Raises:
        RequestError: it is something else.

    """
    body = await read_json(request, empty=empty)
    if not isinstance(body, dict):
        raise RequestError(f"The request is a JSON {type(body).__name__}, not an object.")
    return body
