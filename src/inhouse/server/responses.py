"""Responses as ComfyUI's clients expect them, and how a route documents them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel
from starlette.responses import Response

from inhouse.server.json_body import JsonResponse, encode_json

Documentation: TypeAlias = dict[int | str, dict[str, Any]]


class Problem(BaseModel):
    """What is wrong."""

    type: str
    message: str
    details: str = ""
    extra_info: dict[str, Any] = {}


class Refusal(BaseModel):
    """The body of an answer to a request that failed."""

    error: Problem
    node_errors: dict[str, Any] = {}


def empty(status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer without a body."""
    return Response(status_code=status, headers=headers)


def json_value(value: Any) -> Response:
    """Return any value as JSON, a text too, which would else be taken for JSON already."""
    return JsonResponse(encode_json(value).decode())


def text(content: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return plain text."""
    return Response(content, status, headers, "text/plain")


def documented(
    *,
    empty: Mapping[int, str] | None = None,
    text: Mapping[int, str] | None = None,
    told: Mapping[int, str] | None = None,
) -> Documentation:
    """Return FastAPI's ``responses``: what each status means.

    Args:
        empty: those that come without a body.
        text: those with a sentence as plain text.
        told: those with a body that tells the error (``Refusal``).

    """
    found: Documentation = {status: {"description": meaning} for status, meaning in (empty or {}).items()}
    for status, meaning in (text or {}).items():
        found[status] = {"description": meaning, "content": {"text/plain": {"schema": {"type": "string"}}}}
    for status, meaning in (told or {}).items():
        found[status] = {"description": meaning, "model": Refusal}
    return found
