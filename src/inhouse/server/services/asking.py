"""Asking: what the protocols' routes have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from inhouse.errors import InhouseError, InputsError
from inhouse.server.errors import headers_of, status_of, told
from inhouse.server.services.native import Envelope, envelope

if TYPE_CHECKING:
    from inhouse.server.identity import Identity

Endpoint: TypeAlias = "Callable[[Request], Awaitable[Response]]"
Shape: TypeAlias = "Callable[[InhouseError, str, int], bytes]"
"""From an error, what a client is told of it and the status to the body in a protocol's own shape."""


def caller_of(request: Request) -> Identity:
    """Return who asks; the gate has found out."""
    identity: Identity = request.state.identity
    return identity


def about(request: Request, service: str, version: int | None = None) -> Envelope:
    """Return what a request says beside its body; a version in its path goes before one in its headers."""
    now = asyncio.get_running_loop().time()
    found = envelope(request.headers.raw, service, caller_of(request).user, now)
    if version is None:
        return found
    return Envelope(service, found.user, now, version, found.deadline_ms, found.sticky)


def shaped(endpoint: Endpoint, shape: Shape) -> Endpoint:
    """Return an endpoint that tells of errors as a protocol does."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except InhouseError as error:
            return failure(error, shape)

    return answer


def failure(error: InhouseError, shape: Shape) -> Response:
    """Return the answer that tells of an error in a protocol's own shape."""
    status = status_of(error)
    return Response(shape(error, sentence(error), status), status, headers_of(error), "application/json")


def sentence(error: InhouseError) -> str:
    """Return what a client is told of an error, in one text."""
    problem = told(error)
    if isinstance(error, InputsError):
        return "; ".join(f"{path}: {text}" for path, text in error.fields.items())
    return f"{problem.message} {problem.details}".rstrip()
