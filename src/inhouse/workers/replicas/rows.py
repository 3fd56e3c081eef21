"""Rows: the parts of a batch are joined along them, and what came out is split along them again."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from inhouse.errors import InternalError, NodeInputError, NotFiniteError
from inhouse.workers.replicas.messages import Blob, Encoding, Part, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.models.signature import Field

_NUMBERS: Mapping[str, str] = {"integer": "int64", "number": "float64", "boolean": "bool"}
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def alike(parts: Sequence[Part], fields: Sequence[Field]) -> list[list[Part]]:
    """Return the parts of a batch in groups that can be computed together.

    Parts go together whose fields without rows are equal, whose rows of tensors have one shape, and that have the same
    parameters and fields.
    """
    if len(parts) == 1:
        return [list(parts)]
    simple = all(field.rows and field.kind != "tensor" for field in fields)
    if simple and all(part.inputs.keys() == parts[0].inputs.keys() and not part.parameters for part in parts):
        return [list(parts)]
    groups: dict[Any, list[Part]] = {}
    for part in parts:
        groups.setdefault(_key(part, fields), []).append(part)
    return list(groups.values())


def join(parts: Sequence[Part], fields: Sequence[Field]) -> dict[str, Any]:
    """Return the inputs of a pipeline: of a field with rows the rows of all parts, else the value that they agree on.

    Text, choices and JSON come as lists, files and images as lists of bytes, numbers as arrays of one axis, tensors as
    arrays with rows first. A field that was not given is None.

    Raises:
        NodeInputError: bytes do not make a tensor of that shape.

    """
    return {field.name: _joined(field, [part.inputs.get(field.name) for part in parts]) for field in fields}


def split(outputs: Mapping[str, Any], parts: Sequence[Part], fields: Sequence[Field]) -> list[dict[str, bytes | Blob]]:
    """Return each part's share of what a pipeline gave, as bytes of JSON or as ``Blob``.

    Raises:
        InternalError: the pipeline gave another number of rows than it was given.
        NotFiniteError: JSON was wanted, which has neither NaN nor infinity.

    """
    total = sum(part.rows for part in parts)
    for field in fields:
        if field.rows and len(outputs[field.name]) != total:
            raise InternalError(
                f"The service gives {len(outputs[field.name])} rows of {field.name!r} for {total}.",
                hint="Its pipeline has to keep rows as they come.",
            )
    shares, start = [], 0
    for part in parts:
        stop = start + part.rows
        shares.append(
            {
                field.name: _written(
                    field, outputs[field.name][start:stop] if field.rows else outputs[field.name], part.encoding
                )
                for field in fields
            }
        )
        start = stop
    return shares


def _key(part: Part, fields: Sequence[Field]) -> tuple[Any, ...]:
    key: list[Any] = [orjson.dumps(dict(part.parameters))] if part.parameters else []
    for field in fields:
        value = part.inputs.get(field.name)
        if value is None:
            key.append(None)
        elif not field.rows:
            key.append(_frozen(value))
        elif field.kind == "tensor":
            key.append(value.shape[1:] if isinstance(value, Blob) else np.shape(value)[1:])
        else:
            key.append(field.name)
    return tuple(key)


def _frozen(value: Any) -> Any:
    """Return a value as something that can be compared."""
    if isinstance(value, Blob):
        return (value.dtype, value.shape, bytes(value.data))
    if isinstance(value, list) and any(isinstance(item, Blob) for item in value):
        return tuple(map(_frozen, value))
    return orjson.dumps(value)


# -- in ---------------------------------------------------------------------------------------------------------------


def _joined(field: Field, values: Sequence[Value | None]) -> Any:
    if any(value is None for value in values):
        return None
    if not field.rows:
        return _single(field, values[0])
    if field.kind == "tensor":
        tensors = [_tensor(field, value) for value in values]
        return tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
    rows = _chained(values)
    if field.kind in _NUMBERS:
        return np.asarray(rows, _NUMBERS[field.kind])
    if field.kind in ("image", "file"):
        return [bytes(row.data) for row in rows]
    return rows


def _chained(values: Iterable[Value]) -> list[Any]:
    return [row for value in values for row in value]


def _single(field: Field, value: Value) -> Any:
    if field.kind == "tensor":
        return _tensor(field, value)
    return bytes(value.data) if isinstance(value, Blob) else value


def _tensor(field: Field, value: Value) -> NDArray[Any]:
    try:
        if not isinstance(value, Blob):
            return np.asarray(value, field.dtype)
        return np.frombuffer(value.data, np.dtype(value.dtype).newbyteorder("<")).reshape(value.shape)
    except (TypeError, ValueError) as error:
        raise NodeInputError(f"{field.name} is no tensor of {field.dtype}: {error}.", input_name=field.name) from error


# -- out --------------------------------------------------------------------------------------------------------------


def _written(field: Field, value: Any, encoding: Encoding) -> bytes | Blob:
    if isinstance(value, np.ndarray):
        return _blob(value) if encoding == "binary" else _json(field, value)
    if field.kind in ("image", "file"):
        files = value if field.rows else [value]
        if encoding == "binary" and len(files) == 1:
            return Blob("file", (), files[0])
        coded = [base64.b64encode(file).decode("ascii") for file in files]
        return orjson.dumps(coded if field.rows else coded[0])
    return orjson.dumps(value, _plain, _OPTIONS)


def _blob(array: NDArray[Any]) -> Blob:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return Blob(array.dtype.name, array.shape, little.data.cast("B") if little.nbytes else b"")


def _json(field: Field, array: NDArray[Any]) -> bytes:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NotFiniteError(
            f"{field.name} holds NaN or infinity, which JSON has no word for.",
            hint="Look at the inputs; a binary answer has them as they are.",
        )
    return orjson.dumps(np.ascontiguousarray(array), _plain, _OPTIONS)


def _plain(value: Any) -> Any:
    """Return what orjson does not know as what it knows: types of numbers such as bfloat16, text of NumPy, bytes."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"{type(value).__name__} is not serializable")
