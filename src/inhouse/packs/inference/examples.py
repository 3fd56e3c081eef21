"""What a service's input holds on a canvas: one row, from what is typed in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import InputNotFoundError, NodeInputError
from inhouse.files import Folders

if TYPE_CHECKING:
    from inhouse.engine.context import Context


def example_rows(kind: str, value: str, context: Context) -> Any:
    """Return a batch of one row.

    Args:
        kind: of the field; see `inhouse.models.signature.Kind`.
        value: a text, the name of a file in the input folder, or JSON.
        context: of the node.

    Raises:
        InputNotFoundError: there is no such file.
        NodeInputError: it is no JSON.

    """
    if kind in ("text", "choice"):
        return [value]
    if kind in ("image", "file"):
        path = context.service(Folders).path(value)
        if not path.is_file():
            raise InputNotFoundError(f"The input folder has no {value!r}.", hint="Copy it there, or choose another.")
        return [path.read_bytes()]
    try:
        given = json.loads(value)
    except ValueError as error:
        raise NodeInputError(f"{value!r:.80} is no JSON: {error}.", input_name="value") from error
    if kind == "tensor":
        array = np.asarray([given])
        return array.astype(np.float32) if array.dtype == np.float64 else array
    return np.asarray([given]) if kind in ("integer", "number", "boolean") else [given]
