"""The Open Inference Protocol, version 2, over REST, with its extension for binary tensors.

https://github.com/kserve/open-inference-protocol, and Triton's ``protocol/extension_binary_data.md``. A text is a
``BYTES`` element; so is a file or an image: as it is in binary, as base64 in JSON; so is what is JSON itself.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Final

import orjson

from inhouse import __version__
from inhouse.errors import InputsError, RequestError
from inhouse.server.services.checking import check
from inhouse.server.services.tensors import DTYPES, FORMATS, TensorFaultError, pack_numbers, unpack_numbers
from inhouse.workers.replicas.messages import Blob

if TYPE_CHECKING:
    from inhouse.models.signature import Field
    from inhouse.server.services.base import Answer, Call, Card
    from inhouse.server.services.native import Envelope

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
"""The header that says how many bytes of a body are JSON, before binary tensors."""
_MAX_AXES: Final = 16
_BYTES: Final = "BYTES"
_PLAIN: Final = {"integer": "INT64", "number": "FP64", "boolean": "BOOL"}
_CODES: Final = {"integer": "int64", "number": "float64", "boolean": "bool"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a caller wants its outputs: for each whether as binary data; in the order it named them, or all."""

    names: Mapping[str, bool]
    binary: bool = False


def server_metadata() -> dict[str, Any]:
    """Return what the server says of itself."""
    return {"name": "inhouse", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(name: str, card: Card, versions: Sequence[int]) -> dict[str, Any]:
    """Return what a service is, as a model."""
    return {
        "name": name,
        "versions": [str(number) for number in versions],
        "platform": f"inhouse_{card.task}",
        "inputs": [_tensor_metadata(field) for field in card.fields_in],
        "outputs": [_tensor_metadata(field) for field in card.fields_out],
    }


def _tensor_metadata(field: Field) -> dict[str, Any]:
    axes = [-1 if isinstance(axis, str) else axis for axis in field.shape] if field.kind == "tensor" else []
    shape = [-1, *axes] if field.rows else (axes or [1])
    return {"name": field.name, "datatype": datatype(field), "shape": shape}


def datatype(field: Field) -> str:
    """Return what the protocol calls the type of a field."""
    if field.kind == "tensor":
        return FORMATS[field.dtype].datatype if field.dtype in FORMATS else _BYTES
    return _PLAIN.get(field.kind, _BYTES)


# -- requests ---------------------------------------------------------------------------------------------------------


def parse_infer(body: bytes, header_length: str | None, card: Card, about: Envelope) -> tuple[Call, Wanted]:
    """Return the call that an inference request asks for, and how it wants the outputs.

    Args:
        body: of the request.
        header_length: its header ``Inference-Header-Content-Length``.
        card: of the service.
        about: what the request says beside its body.

    Raises:
        RequestError: it is malformed.
        InputsError: something in it does not fit the service; everything is named.

    """
    size = len(body) if header_length is None else _count(header_length, len(body))
    request = _read(body[:size])
    tail = memoryview(body)[size:]
    given: dict[str, Any] = {}
    faults: dict[str, str] = {}
    by_name = {field.name: field for field in card.fields_in}
    for tensor in _listed(request, "inputs"):
        name = str(tensor.get("name"))
        length = _parameters(tensor).get("binary_data_size")
        piece = None
        if length is not None:
            if type(length) is not int or not 0 <= length <= len(tail):
                raise RequestError(f"The binary data of input {name[:100]!r} goes beyond the request's body.")
            piece, tail = tail[:length], tail[length:]
        if name not in by_name:
            given[name] = None  # which the check names
            continue
        try:
            given[name] = _values(by_name[name], tensor, piece)
        except TensorFaultError as fault:
            faults[f"inputs.{name}"] = str(fault)
    if len(tail):
        raise RequestError("The request's body has more binary data than its inputs say.")
    if faults:
        raise InputsError(faults)
    checked = check(given, card.fields_in, max_rows=card.max_batch)
    call = about.call(checked.rows, checked.inputs, encoding="binary", id=_id(request))
    return call, _wanted(request, card)


def _read(data: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The request is no JSON: {error}.") from error
    if not isinstance(request, dict):
        raise RequestError("The request is no JSON object.")
    return request


def _count(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:18]) > most:
        raise RequestError(f"{HEADER_LENGTH} is no number of bytes that the body has.")
    return int(text[:18])


def _id(request: Mapping[str, Any]) -> str:
    value = request.get("id", "")
    if not isinstance(value, str) or len(value) > 200:
        raise RequestError("The id is no text of up to 200 characters.")
    return value


def _listed(request: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = request.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise RequestError(f"{name} is no list of objects.")
    return found


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("parameters") or {}
    if not isinstance(found, dict):
        raise RequestError("parameters is no object.")
    return found


def _wanted(request: Mapping[str, Any], card: Card) -> Wanted:
    binary = bool(_parameters(request).get("binary_data_output", False))
    asked = {
        str(item.get("name")): bool(_parameters(item).get("binary_data", binary))
        for item in _listed(request, "outputs")
    }
    known = [field.name for field in card.fields_out]
    if unknown := [name for name in asked if name not in known]:
        raise InputsError({f"outputs.{name:.100}": f"is none of {', '.join(known)}." for name in unknown})
    return Wanted(asked or dict.fromkeys(known, binary))


def _values(field: Field, tensor: Mapping[str, Any], piece: memoryview | None) -> Any:
    """Return a tensor's values as the check takes them.

    Raises:
        TensorFaultError: it contradicts itself, or is of another type than the field.

    """
    kind, shape = tensor.get("datatype"), tensor.get("shape")
    if not isinstance(shape, list) or len(shape) > _MAX_AXES or any(type(n) is not int or n < 0 for n in shape):
        raise TensorFaultError("has a shape that is no list of lengths.")
    if kind != (wanted := datatype(field)) and not (field.kind == "number" and kind in ("FP32", "INT64", "INT32")):
        raise TensorFaultError(f"has the datatype {kind!s:.20}, not {wanted}.")
    count = prod(shape)
    if kind == _BYTES:
        elements = _elements(piece, count) if piece is not None else _flat(tensor, count)
        return _shaped(field, shape, [_element(field, element) for element in elements])
    dtype = DTYPES[str(kind)]
    if piece is None:
        piece = memoryview(pack_numbers(_flat(tensor, count), dtype))
    if len(piece) != count * FORMATS[dtype].size:
        raise TensorFaultError(f"has {len(piece)} bytes of binary data; its shape makes {count * FORMATS[dtype].size}.")
    blob = Blob(dtype, tuple(shape), bytes(piece))
    return blob if field.kind == "tensor" else _shaped(field, shape, list(unpack_numbers(blob)))


def _shaped(field: Field, shape: Sequence[int], elements: list[Any]) -> Any:
    """Return elements as rows, or the only one; as tensors of one column are often sent, too."""
    if shape != [len(elements)] and shape != [len(elements), 1]:
        raise TensorFaultError(f"has the shape {list(shape)}; [{'rows' if field.rows else 1}] is needed.")
    if field.rows:
        return elements
    if len(elements) != 1:
        raise TensorFaultError(f"has {len(elements)} values; one is needed.")
    return elements[0]


def _flat(tensor: Mapping[str, Any], count: int) -> list[Any]:
    """Return the values of ``data``, which may be nested as the shape says, or not at all."""
    data = tensor.get("data")
    if not isinstance(data, list):
        raise TensorFaultError("has no data.")
    while data and isinstance(data[0], list):
        if not all(isinstance(item, list) for item in data):
            raise TensorFaultError("has data that is nested here and is not there.")
        data = [value for item in data for value in item]
    if len(data) != count:
        raise TensorFaultError(f"has {len(data)} values; its shape makes {count}.")
    return data


def _elements(piece: memoryview, count: int) -> list[bytes]:
    """Return the elements of binary ``BYTES``: each after its length, four bytes, little-endian."""
    found, at = [], 0
    while at < len(piece):
        if at + 4 > len(piece):
            break
        (length,) = struct.unpack_from("<I", piece, at)
        at += 4
        if at + length > len(piece):
            break
        found.append(bytes(piece[at : at + length]))
        at += length
    if at != len(piece) or len(found) != count:
        raise TensorFaultError(f"has binary data that is not {count} elements, each after its length.")
    return found


def _element(field: Field, element: Any) -> Any:
    """Return one element of ``BYTES`` as the check takes a value of this field."""
    if field.kind in ("image", "file"):
        return Blob("file", (), element) if isinstance(element, bytes) else element
    try:
        text = element.decode() if isinstance(element, bytes) else element
        return text if field.kind in ("text", "choice") else orjson.loads(text)
    except (UnicodeDecodeError, orjson.JSONDecodeError, TypeError) as error:
        raise TensorFaultError(f"has an element that cannot be read: {error}.") from error


# -- answers ----------------------------------------------------------------------------------------------------------


def render_infer(answer: Answer, card: Card, wanted: Wanted, call: Call) -> tuple[bytes, int | None]:
    """Return the body of an answer, and how many bytes of it are JSON if it goes on after that."""
    outputs: list[dict[str, Any]] = []
    pieces: list[bytes] = []
    by_name = {field.name: field for field in card.fields_out}
    for name, binary in wanted.names.items():
        described, data = _output(by_name[name], answer.outputs[name])
        if binary:
            content = data if isinstance(data, bytes) else _packed(data)
            described["parameters"] = {"binary_data_size": len(content)}
            pieces.append(content)
        else:
            described["data"] = _readable(by_name[name], described, data)
        outputs.append(described)
    told: dict[str, Any] = {"model_name": call.service, "model_version": str(answer.version), "outputs": outputs}
    if call.id:
        told["id"] = call.id
    head = orjson.dumps(told)
    return b"".join((head, *pieces)), len(head) if pieces else None


def _output(field: Field, value: bytes | Blob) -> tuple[dict[str, Any], bytes | list[Any]]:
    """Return what an output is, and its content: numbers as bytes, or else a list of elements."""
    if isinstance(value, Blob) and value.dtype in FORMATS:
        shape = list(value.shape)
        return {"name": field.name, "datatype": FORMATS[value.dtype].datatype, "shape": shape}, bytes(value.data)
    values: Any = value if isinstance(value, Blob) else orjson.loads(value)
    elements = values if field.rows and isinstance(values, list) else [values]
    if field.kind in _CODES:
        data: bytes | list[Any] = pack_numbers(elements, _CODES[field.kind])
    else:
        data = [_told(field, element) for element in elements]
    return {"name": field.name, "datatype": datatype(field), "shape": [len(elements)]}, data


def _told(field: Field, element: Any) -> Any:
    if isinstance(element, Blob):
        return bytes(element.data)
    if field.kind in ("image", "file"):
        return base64.b64decode(element)
    return element.encode() if isinstance(element, str) else orjson.dumps(element)


def _packed(elements: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def _readable(field: Field, described: Mapping[str, Any], data: bytes | list[Any]) -> list[Any]:
    """Return content as JSON-ready values."""
    if isinstance(data, bytes):
        return list(unpack_numbers(Blob(DTYPES[described["datatype"]], described["shape"], data)))
    if field.kind in ("image", "file"):
        return [base64.b64encode(element).decode() for element in data]
    return [element.decode() for element in data]


def render_error(message: str) -> bytes:
    """Return the body that tells of an error."""
    return orjson.dumps({"error": message})
