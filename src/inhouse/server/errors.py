"""What a client is told when something fails: one table of statuses, one shape, nothing of the server's disk."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from inhouse import errors
from inhouse.compat.refusals import RefusedError
from inhouse.errors import InhouseError
from inhouse.server.json_body import JsonResponse
from inhouse.server.responses import Problem, Refusal, empty, text

_log = logging.getLogger(__name__)

STATUSES: Mapping[type[InhouseError], int] = MappingProxyType(
    {
        InhouseError: 500,
        errors.WorkflowError: 400,
        errors.NodeError: 422,
        errors.ModelError: 422,
        errors.ModelNotFoundError: 404,
        errors.FileError: 422,
        errors.PathEscapeError: 403,
        errors.InputNotFoundError: 404,
        errors.OutputError: 507,
        errors.StorageError: 503,
        errors.RunError: 400,
        errors.RunNotFoundError: 404,
        errors.RunConflictError: 409,
        errors.WorkerError: 503,
        errors.AccessError: 403,
        errors.UnauthenticatedError: 401,
        errors.TooManyAttemptsError: 429,
        errors.RequestError: 400,
        errors.NotFoundError: 404,
        errors.TooLargeError: 413,
        errors.InputsError: 422,
        errors.ServiceError: 503,
        errors.ServiceNotFoundError: 404,
        errors.ServiceConflictError: 409,
        errors.PublishError: 422,
        errors.OverloadedError: 429,
        errors.DeadlineError: 504,
        errors.RemoteError: 502,
        errors.UsageError: 400,
    }
)
"""Status by class of error; a class that is not here has its parent's."""

_TOLD: Mapping[type[InhouseError], str] = MappingProxyType(
    {
        errors.PathEscapeError: "The name leads out of its folder. Use a name inside it.",
        errors.InputNotFoundError: "There is no such file.",
        errors.OutputError: "The file cannot be written: the disk is full, or the folder may not be written.",
        errors.ImageError: "The file is no picture that can be read.",
        errors.FileError: "The file cannot be read.",
        errors.ModelNotFoundError: "There is no such model.",
        errors.ModelTooLargeError: "",
        errors.ReceiptError: "",
        errors.ModelError: "The model file cannot be read.",
        errors.StorageFullError: "There is no room to store the run; nothing was lost. Free some space and try again.",
        errors.StorageError: "The database cannot be used just now. Try again.",
        errors.RegistryError: "A pack of nodes cannot be loaded; the server's log says which.",
        errors.WorkerError: "No worker can take this just now. Try again.",
        errors.InternalError: "Inhouse itself failed; the server's log says why.",
    }
)
"""What is said instead of messages that name folders of the server; empty for those that name none."""


def status_of(error: InhouseError) -> int:
    """Return the HTTP status for an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def told(error: InhouseError) -> Problem:
    """Return what a client is told of an error."""
    message = next((_TOLD[kind] for kind in type(error).__mro__ if kind in _TOLD), "") or error.message
    hint = error.hint if message == error.message else ""
    extra = {"fields": error.fields} if isinstance(error, errors.InputsError) else {}
    return Problem(type=error.code, message=message, details=hint, extra_info=extra)


def headers_of(error: InhouseError) -> dict[str, str]:
    """Return the headers that go with what a client is told of an error."""
    if isinstance(error, errors.UnauthenticatedError):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, errors.OverloadedError):
        return {"retry-after": str(max(1, math.ceil(error.seconds)))}
    return {}


def refusal(error: InhouseError, status: int | None = None) -> Response:
    """Return the answer that tells a client of an error; ``status`` if the table's does not fit."""
    return JsonResponse(Refusal(error=told(error)).model_dump(), status or status_of(error), headers_of(error))


def install(app: FastAPI) -> None:
    """Make an application answer failures as this module says."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


def answer_to(request: Request, error: Exception) -> Response:
    """Return what such an application answers to a failure."""
    return next(_HANDLERS[kind] for kind in type(error).__mro__ if kind in _HANDLERS)(request, error)


def _ours(_: Request, error: Exception) -> Response:
    if not isinstance(error, InhouseError):  # the framework's signature is wider than what it calls
        return _internal()
    if isinstance(error, RefusedError):  # it says itself what ComfyUI's clients read
        return JsonResponse(error.body, error.status)
    if status_of(error) >= 500:
        _log.error("A request failed: %s", error, exc_info=error)
    return refusal(error)


def _http(request: Request, error: Exception) -> Response:
    """Answer as ComfyUI does: a GET of what is only posted to looks for a file, and finds none."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404 or (status == 405 and request.method in ("GET", "HEAD")):
        return empty(404, {"content-type": "application/octet-stream"})
    if status == 405 and isinstance(error, HTTPException):
        return text("405: Method Not Allowed", 405, error.headers)
    detail = error.detail if isinstance(error, HTTPException) else "The request failed."
    return refusal(errors.RequestError(str(detail)), status)


def _validation(_: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    places = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
    return refusal(errors.RequestError("The request is malformed.", hint=places), 422)


def _gone(_: Request, __: Exception) -> Response:
    """Answer whoever hung up in the middle of a request: nobody reads it, and nothing failed."""
    return empty(400)


def _unexpected(_: Request, error: Exception) -> Response:
    _log.error("A request failed.", exc_info=error)
    return _internal()


_HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Response]] = MappingProxyType(
    {
        InhouseError: _ours,
        HTTPException: _http,
        RequestValidationError: _validation,
        ClientDisconnect: _gone,
        Exception: _unexpected,
    }
)


def _internal() -> Response:
    return refusal(errors.InternalError("Inhouse itself failed."))
