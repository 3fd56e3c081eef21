"""Plain JSON: whatever a node shows or says, as something that can be written down."""

from __future__ import annotations

import math
from typing import Any

from inhouse.compat.json_ready import json_ready


def to_json(data: Any) -> str:
    """Return data as JSON: what JSON does not know goes as text, NaN and Infinity as null."""
    import orjson

    try:
        return orjson.dumps(data).decode()
    except TypeError:
        return orjson.dumps(json_ready(data)).decode()


def number(value: Any) -> float:
    """Return a number as JSON has it; what is none, or not finite, is 0."""
    if value.__class__ is int:
        return int(value)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # a tensor of many elements raises the last
        return 0.0
    return found if math.isfinite(found) else 0.0


def plain(data: Any) -> Any:
    """Return data as JSON has it; what is JSON already stays the same object."""
    import orjson

    try:
        orjson.dumps(data)
    except TypeError:  # an array, an integer of more than 64 bits, half a surrogate pair, a key that is no text, ...
        return json_ready(data)
    return data
