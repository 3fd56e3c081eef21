"""OpenAI's API: its requests as calls of services, its answers and its errors."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse.errors import InputsError, RequestError, ServiceConflictError
from inhouse.server.services.checking import check
from inhouse.server.services.tensors import pack_numbers, unpack_numbers
from inhouse.workers.replicas.messages import Blob

if TYPE_CHECKING:
    from inhouse.models.signature import Field
    from inhouse.server.services.base import Answer, Call, Card
    from inhouse.server.services.native import Envelope
    from inhouse.storage.services import Service

_MAX_PICTURES: Final = 10
_KINDS: Final = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error"}


def read(body: bytes) -> dict[str, Any]:
    """Return a request; every one has a model.

    Raises:
        RequestError: it is no JSON object.
        InputsError: it names no model.

    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The request is no JSON: {error}.") from error
    if not isinstance(given, dict):
        raise RequestError("The request is no JSON object.")
    if not isinstance(given.get("model"), str):
        raise InputsError({"model": "is missing: a service's name."})
    return given


def render_error(error_code: str, message: str, status: int, param: str | None = None) -> bytes:
    """Return the body that tells of an error."""
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    kind = "rate_limit_error" if status == 429 else kind
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": error_code}})


def model(service: Service) -> dict[str, Any]:
    """Return a service as a model of theirs."""
    created = service.versions[0].created if service.versions else 0
    return {"id": service.name, "object": "model", "created": int(created), "owned_by": "inhouse"}


# -- embeddings -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Embedding:
    """What is to be answered with embeddings.

    Attributes:
        model: the service's name.
        output: which of its outputs has them.
        encoded: whether as base64 of float32 rather than as numbers.

    """

    model: str
    output: str
    encoded: bool


def parse_embeddings(given: Mapping[str, Any], card: Card, about: Envelope) -> tuple[Call, Embedding]:
    """Return the call that ``/v1/embeddings`` asks for.

    Raises:
        InputsError: something in it does not fit.
        ServiceConflictError: the service makes no embeddings.

    """
    source = next((field for field in card.fields_in if field.kind == "text" and field.rows), None)
    output = next((field for field in card.fields_out if field.kind == "tensor" and len(field.shape) == 1), None)
    if source is None or output is None:
        raise ServiceConflictError(f"Service {about.service!r} makes no embeddings.", hint="Ask /v1/models.")
    form = given.get("encoding_format", "float")
    if form not in ("float", "base64"):
        raise InputsError({"encoding_format": "is neither float nor base64."})
    texts = given.get("input")
    if isinstance(texts, list) and texts and not any(isinstance(text, str) for text in texts):
        raise InputsError({"input": "is no text or list of texts; lists of tokens are not taken."})
    size = output.shape[0]
    if isinstance(size, int) and given.get("dimensions") not in (None, size):
        raise InputsError({"dimensions": f"is not {size}, which is what the service has."})
    values = {source.name: [texts] if isinstance(texts, str) else texts}
    checked = _checked(values, card, {source.name: "input"})
    call = about.call(checked.rows, checked.inputs, encoding="binary" if form == "base64" else "json")
    return call, Embedding(about.service, output.name, form == "base64")


def render_embeddings(answer: Answer, wanted: Embedding) -> bytes:
    """Return the answer to ``/v1/embeddings``. Its ``usage`` is 0: the gateway counts no tokens."""
    found = answer.outputs[wanted.output]
    # JSON of rows of numbers has no brackets but theirs.
    rows = _encoded(found) if isinstance(found, Blob) else [b"[%b]" % row for row in found.strip(b"[] ").split(b"],[")]
    data = b",".join(
        b'{"object":"embedding","index":%d,"embedding":%b}' % (index, row) for index, row in enumerate(rows)
    )
    return b'{"object":"list","data":[%b],"model":%b,"usage":{"prompt_tokens":0,"total_tokens":0}}' % (
        data,
        orjson.dumps(wanted.model),
    )


def _encoded(blob: Blob) -> list[bytes]:
    """Return each row as base64 of float32, in quotes."""
    data = blob.data if blob.dtype == "float32" else pack_numbers(list(map(float, unpack_numbers(blob))), "float32")
    view = memoryview(data).cast("B")
    size = len(view) // blob.shape[0]
    return [b'"%b"' % base64.b64encode(view[at : at + size]) for at in range(0, len(view), size)]


# -- pictures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is to be answered with pictures.

    Attributes:
        output: which of the service's outputs has them.
        many: how many are wanted.
        linked: whether as addresses rather than as base64.

    """

    output: str
    many: int
    linked: bool


def parse_images(given: Mapping[str, Any], card: Card, about: Envelope) -> tuple[list[Call], Pictures]:
    """Return the calls that ``/v1/images/generations`` asks for: one a picture.

    A service's field is set by what has its name in the request, and ``width`` and ``height`` by ``size``. Of several
    pictures each has the next seed, where one is given.

    Raises:
        InputsError: something in it does not fit.
        ServiceConflictError: the service makes no pictures of a prompt.

    """
    output = next((field for field in card.fields_out if field.kind == "image"), None)
    fields = {field.name: field for field in card.fields_in}
    if output is None or "prompt" not in fields:
        raise ServiceConflictError(f"Service {about.service!r} makes no pictures of a prompt.", hint="Ask /v1/models.")
    form, many = given.get("response_format") or "b64_json", given.get("n") or 1
    if form not in ("b64_json", "url"):
        raise InputsError({"response_format": "is neither b64_json nor url."})
    if type(many) is not int or not 1 <= many <= _MAX_PICTURES:
        raise InputsError({"n": f"is no number of pictures from 1 to {_MAX_PICTURES}."})
    values = {name: given[name] for name in fields if given.get(name) is not None} | _size(given, fields)
    calls = []
    for place in range(many):
        mine = dict(values)
        if place and type(mine.get("seed")) is int:
            mine["seed"] += place
        rowed = {name: [value] if fields[name].rows else value for name, value in mine.items()}
        checked = _checked(rowed, card, {name: name for name in fields})
        parameters = {"images": "url" if form == "url" else "base64"}
        calls.append(about.call(1, checked.inputs, parameters=parameters))
    return calls, Pictures(output.name, many, form == "url")


def _size(given: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, int]:
    """Return width and height, where the request says them and the service takes them."""
    size = given.get("size")
    if size in (None, "auto") or not {"width", "height"} <= fields.keys():
        return {}
    width, _, height = str(size).partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(str(size)) < 12):
        raise InputsError({"size": "is no size such as 512x512."})
    return {"width": int(width), "height": int(height)}


def render_images(answers: Sequence[Answer], wanted: Pictures, created: int, address: str = "") -> bytes:
    """Return the answer to ``/v1/images/generations``; ``address`` goes before the addresses of pictures."""
    data: list[dict[str, str]] = []
    for answer in answers:
        found = answer.outputs[wanted.output]
        values = orjson.loads(found) if isinstance(found, bytes) else []
        values = values if isinstance(values, list) else [values]
        data += [{"url": address + value} if wanted.linked else {"b64_json": value} for value in values]
    return orjson.dumps({"created": created, "data": data})


def _checked(values: Mapping[str, Any], card: Card, names: Mapping[str, str]) -> Any:
    """Check values, and name what does not fit as the request does."""
    try:
        return check(values, card.fields_in, max_rows=card.max_batch, place="")
    except InputsError as error:
        found = {}
        for path, problem in error.fields.items():
            name, dot, rest = path.removeprefix(".").partition(".")
            found[f"{names.get(name, name)}{dot}{rest}"] = problem
        raise InputsError(found) from None
