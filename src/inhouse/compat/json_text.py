"""JSON as strangers send it: parsed whole, or refused with a sentence that helps."""

from __future__ import annotations

import json
import math
from typing import Any

from inhouse.errors import WorkflowFormatError

MAX_BYTES = 32 * 1024**2
"""No workflow is larger; the largest seen in the wild have a few megabytes."""


def parse_json(data: bytes, name: str) -> Any:
    """Parse UTF-8 JSON, with or without a byte order mark.

    NaN and Infinity are read: old pictures have them beside the nodes. Whoever uses a value refuses them there.

    Args:
        data: the text.
        name: what to call it in a message.

    Raises:
        WorkflowFormatError: it is too large, no UTF-8, no JSON, nested too deep, or has a key twice.

    """
    if len(data) > MAX_BYTES:
        raise WorkflowFormatError(
            f"{name} has {len(data):,} bytes of JSON, more than the {MAX_BYTES:,} allowed.",
            hint="Take embedded pictures or notes out of it.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorkflowFormatError(
            f"{name} is no UTF-8 text (byte {error.start}).", hint="Give a JSON file, or a PNG or WebP picture."
        ) from error
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _distinct(pairs, name))
    except json.JSONDecodeError as error:
        raise WorkflowFormatError(
            f"{name} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}.", hint=_advice(text)
        ) from error
    except RecursionError as error:
        raise WorkflowFormatError(f"{name} is nested too deep.", hint="No workflow is; export it again.") from error
    except ValueError as error:  # an integer of thousands of digits
        raise WorkflowFormatError(f"{name} is no JSON that can be read: {error}.") from error


def finite(value: Any) -> Any:
    """Return JSON data with null in place of NaN and Infinity, so that it can be written as JSON again."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def is_finite(value: Any) -> bool:
    """Whether JSON data is free of NaN and Infinity."""
    if value.__class__ is float:
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    return all(map(is_finite, value)) if isinstance(value, list) else True


def _distinct(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise WorkflowFormatError(f"{name} has the key {twice!r} twice in one object.", hint="Remove one of them.")
    return found


def _advice(text: str) -> str:
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<?xml", "<head", "<body")):
        return "It is a web page: download the file itself (on GitHub, its raw version)."
    if not start:
        return "It is empty; export the workflow again."
    return "Export the workflow again, or mend that place."
