"""OpenAPI 3.1 documents of services, from what their cards say; https://spec.openapis.org/oas/v3.1.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from inhouse import __version__
from inhouse.server.services.checking import MAX_FILE_BYTES, MAX_TEXT
from inhouse.server.services.native import raw_field

if TYPE_CHECKING:
    from inhouse.models.signature import Field, Size
    from inhouse.server.services.base import Card

_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADElEQVR4nGNgoA4AAABIAAEuuDx+AAAAAElFTkSuQmCC"
"""A black picture of eight by eight pixels, so that the example of a service of pictures works."""
_TYPES: Final = {
    "text": "string", "choice": "string", "integer": "integer", "number": "number", "boolean": "boolean",
    "image": "string", "file": "string",
}  # fmt: skip
_SAID: Final[Mapping[str, str]] = {
    "401": "No access token, or a wrong one.",
    "404": "There is no such service or version.",
    "413": "The request has more bytes than are accepted.",
    "422": "Values do not fit; `error.extra_info.fields` says by path what is wrong.",
    "429": "The service has more to do than it can do in time; see `Retry-After`.",
    "504": "The caller's time was over before the work was begun.",
}
_HEADERS: Final = (
    ("Inhouse-Version", "integer", "The version that is to answer."),
    ("Inhouse-Deadline-Ms", "number", "How long the work may take to begin; what is later is dropped."),
    ("Inhouse-Canary-Key", "string", "The same text always goes to the same version while a canary runs."),
    ("Prefer", "string", "`respond-async`: answer with a job at once (RFC 7240)."),
)


def document(cards: Iterable[tuple[str, Card]]) -> dict[str, Any]:
    """Return the document of some services."""
    found = dict(cards)
    title = f"Service {next(iter(found))}" if len(found) == 1 else "Services"
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "servers": [{"url": "/"}],
        "paths": {f"/services/{name}": path(name, card) for name, card in found.items()},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def path(name: str, card: Card) -> dict[str, Any]:
    """Return what a service's address takes and answers."""
    content = {"application/json": {"schema": request_schema(card), "example": example(card)}}
    if (raw := raw_field(card)) is not None:
        types = ("image/*", "application/octet-stream") if raw.kind == "image" else ("application/octet-stream",)
        content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (*types, "application/dicom")}
    answers: dict[str, Any] = {
        "200": {"description": "What came of it.", "content": {"application/json": {"schema": answer_schema(card)}}},
        "202": {"description": "Kept as a job, at the address in `Location`."},
        **{status: {"description": meaning} for status, meaning in _SAID.items()},
    }
    parameters = [
        {"name": header, "in": "header", "required": False, "description": meaning, "schema": {"type": kind}}
        for header, kind, meaning in _HEADERS
    ]
    if card.streams:
        answers["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
        parameters.append({"name": "stream", "in": "query", "required": False, "schema": {"type": "boolean"}})
    return {
        "post": {
            "operationId": f"call_{name}",
            "summary": card.description or f"Call {name}",
            "tags": ["services"],
            "parameters": parameters,
            "requestBody": {"required": True, "content": content},
            "responses": answers,
        }
    }


def request_schema(card: Card) -> dict[str, Any]:
    """Return the JSON schema of a call's body."""
    inputs = {
        "type": "object",
        "properties": {field.name: _input(field, card.max_batch) for field in card.fields_in},
        "required": [field.name for field in card.fields_in if field.required],
        "additionalProperties": False,
    }
    properties = {
        "inputs": inputs,
        "deadline_ms": {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400_000},
        "id": {"type": "string", "maxLength": 200},
        "parameters": {"type": "object"},
    }
    return {"type": "object", "properties": properties, "required": ["inputs"], "additionalProperties": False}


def answer_schema(card: Card) -> dict[str, Any]:
    """Return the JSON schema of an answer."""
    outputs = {field.name: _rowed(field, value_schema(field)) for field in card.fields_out}
    return {
        "type": "object",
        "properties": {
            "outputs": {"type": "object", "properties": outputs, "required": list(outputs)},
            "version": {"type": "integer"},
            "id": {"type": "string"},
        },
        "required": ["outputs", "version"],
    }


def example(card: Card) -> dict[str, Any]:
    """Return the body of a call that works."""
    given: dict[str, Any] = {}
    for field in card.fields_in:
        if field.required or field.example is not None:
            value = _example(field)
            given[field.name] = [value] if field.rows else value
    return {"inputs": given}


def value_schema(field: Field) -> dict[str, Any]:
    """Return the JSON schema of one value of a field."""
    found: dict[str, Any] = {"description": field.description} if field.description else {}
    if field.kind in _TYPES:
        found["type"] = _TYPES[field.kind]
    if field.kind in ("image", "file"):
        found["contentEncoding"] = "base64"
    elif field.kind == "choice":
        found["enum"] = list(field.choices)
    elif field.kind == "text":
        found |= {"minLength": int(field.minimum or 0), "maxLength": int(field.maximum or MAX_TEXT)}
    elif field.kind in ("integer", "number"):
        limits = {"minimum": field.minimum, "maximum": field.maximum}
        found |= {name: limit for name, limit in limits.items() if limit is not None}
    elif field.kind == "tensor":
        found |= _tensor(field.dtype, field.shape)
    elif field.kind == "messages":
        found |= _MESSAGES
    elif field.kind == "labels":
        found |= _LABELS
    return found


def _input(field: Field, max_rows: int) -> dict[str, Any]:
    found = _rowed(field, value_schema(field), max_rows)
    if field.default is not None and not field.rows:
        found["default"] = field.default
    if field.kind in ("image", "file") and not field.rows:
        found["maxLength"] = int(field.maximum or MAX_FILE_BYTES) * 4 // 3 + 64
    return found


def _rowed(field: Field, schema: dict[str, Any], most: int = 0) -> dict[str, Any]:
    if not field.rows:
        return schema
    limits = {"minItems": 1, "maxItems": most} if most else {}
    return {"type": "array", "items": schema, **limits, "description": "A value for each row."}


def _tensor(dtype: str, shape: tuple[Size, ...]) -> dict[str, Any]:
    kind = "boolean" if dtype == "bool" else "number" if dtype.startswith("float") else "integer"
    found: dict[str, Any] = {"type": kind}
    for axis in reversed(shape):
        limits = {"minItems": axis, "maxItems": axis} if isinstance(axis, int) else {"minItems": 1}
        found = {"type": "array", "items": found, **limits}
    return found


def _example(field: Field) -> Any:
    if field.example is not None:
        return field.example
    if field.kind == "choice":
        return field.choices[0] if field.choices else ""
    if field.kind in ("integer", "number"):
        least = 0 if field.minimum is None else max(0, field.minimum)
        number = least if field.maximum is None else min(least, field.maximum)
        return int(number) if field.kind == "integer" else float(number)
    if field.kind == "tensor":
        return _zeros(field)
    return _EXAMPLES[field.kind]


def _zeros(field: Field) -> Any:
    value: Any = False if field.dtype == "bool" else 0
    for axis in reversed(field.shape):
        value = [value] * (axis if isinstance(axis, int) else 1)
    return value


_EXAMPLES: Final[Mapping[str, Any]] = {
    "text": "A red bicycle leans against a wall.",
    "boolean": True,
    "image": _PIXEL,
    "file": _PIXEL,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "labels": [],
    "json": {},
}
_MESSAGES: Final[Mapping[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {
            "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
            "content": {"type": "string"},
        },
        "required": ["role", "content"],
    },
}
_LABELS: Final[Mapping[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"label": {"type": "string"}, "score": {"type": "number"}, "index": {"type": "integer"}},
        "required": ["label", "score", "index"],
    },
}
