"""Plain JSON: whatever a node shows or says, as something that can be written down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_DEEP = 100


def to_json(data: Any) -> str:
    """Return data as JSON: what JSON does not know goes as text, NaN and Infinity as null."""
    import orjson

    try:
        return orjson.dumps(data).decode()
    except TypeError:
        return orjson.dumps(_plain(data)).decode()


def number(value: Any) -> float:
    """Return a number as JSON has it; what is none, or not finite, is 0."""
    if value.__class__ is int:
        return int(value)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # a tensor of many elements raises the last
        return 0.0
    return found if math.isfinite(found) else 0.0


def json_ready(data: Any) -> Any:
    """Return data as JSON has it; what is JSON already stays the same object."""
    import orjson

    try:
        orjson.dumps(data)
    except TypeError:  # an array, an integer of more than 64 bits, half a surrogate pair, a key that is no text, ...
        return _plain(data)
    return data


def _plain(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    if depth < _DEEP and isinstance(value, Mapping):
        return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < _DEEP and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value).encode(errors="replace").decode()
    except Exception as error:  # noqa: BLE001 - a custom node's class may say anything, or nothing, of itself
        return f"{type(value).__name__} ({type(error).__name__} when shown)"
