"""Warming up: what a service is asked before its first caller does."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from inhouse.workers.replicas.messages import Blob, Part, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inhouse.models.signature import Field

_FREE = 8
"""Length of an axis that may have any."""


def example_part(fields: Sequence[Field], rows: int) -> Part | None:
    """Return a call of so many rows, made of the fields' examples; None where only a caller could make one."""
    values = {field.name: _example(field) for field in fields if field.required or field.default is not None}
    if any(value is None for value in values.values()):
        return None
    by_name = {field.name: field for field in fields}
    inputs = {name: _repeated(by_name[name], value, rows) for name, value in values.items()}
    return Part(0, rows, inputs)


def _repeated(field: Field, value: Value, rows: int) -> Value:
    if not field.rows:
        return value
    if isinstance(value, Blob) and field.kind == "tensor":
        return Blob(value.dtype, (rows, *value.shape), bytes(value.data) * rows)
    return [value] * rows


def _example(field: Field) -> Value | None:
    given = field.default if field.example is None else field.example
    if field.kind == "tensor":
        return _tensor(field, given)
    if field.kind in ("image", "file"):
        return _file(field, given)
    if given is not None:
        return given
    made = {
        "text": "A sentence of a few words.",
        "choice": next(iter(field.choices), None),
        "integer": field.minimum or 1,
        "number": field.minimum or 1,
        "boolean": False,
        "messages": [{"role": "user", "content": "Hello."}],
    }
    return made.get(field.kind)


def _file(field: Field, given: Any) -> Blob | None:
    if isinstance(given, str):
        return Blob("file", (), base64.b64decode(given.partition(",")[2] if given.startswith("data:") else given))
    return Blob("file", (), _picture()) if field.kind == "image" else None


def _tensor(field: Field, given: Any) -> Blob:
    import numpy as np

    shape = tuple(size if isinstance(size, int) else _FREE for size in field.shape)
    array = np.zeros(shape, field.dtype) if given is None else np.asarray(given, field.dtype)
    return Blob(field.dtype, array.shape, array.tobytes())


def _picture() -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 150)).save(content, "PNG")
    return content.getvalue()
