"""Values that JSON can say: what custom packs put into descriptions and messages is not always that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

_DEEP = 64


def json_ready(value: Any, depth: int = 0) -> Any:
    """Return a value made of what JSON has: text for what it has no word for, None for a number that is none.

    Arrays and tensors of one element are numbers; what is nested deeper than 64 levels is text, and so is an integer of
    more than 64 bits, which few readers take.
    """
    if depth > _DEEP:
        return _text(value)
    if isinstance(value, Enum):
        return json_ready(value.value, depth + 1)
    if isinstance(value, Mapping):
        return {_key(key): json_ready(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [json_ready(item, depth + 1) for item in value]
    if hasattr(value, "item") and getattr(value, "size", None) == 1:  # numpy's scalars
        value = value.item()
    return _scalar(value)


def _key(key: Any) -> str:
    return str(_scalar(key.value if isinstance(key, Enum) else key))


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value).encode(errors="replace").decode()
    except Exception as error:  # noqa: BLE001 - a custom node's class may say anything, or nothing, of itself
        return f"{type(value).__name__} ({type(error).__name__} when shown)"
