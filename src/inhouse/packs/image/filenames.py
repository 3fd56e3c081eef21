"""File names: what stands between percent signs in a prefix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_FIELD = re.compile(r"%([^%]+)%")
_DATE_PART = re.compile(r"d{1,2}|M{1,2}|h{1,2}|m{1,2}|s{1,2}|yyyy|yyy|yy")
_FORBIDDEN = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')


def expand(prefix: str, width: int, height: int, now: datetime, lookup: Callable[[str, str], Any]) -> str:
    """Fill in a prefix; what is unknown stays as it is.

    ``%width%``, ``%height%``: of the picture. ``%year%``, ``%month%``, ``%day%``, ``%hour%``, ``%minute%``,
    ``%second%``: two digits, the year four. ``%date:yyyy-MM-dd hh-mm-ss%``: any arrangement of these letters, one for a
    number without a leading zero. ``%Node.input%``: the value of an input of another node.

    Args:
        prefix: what the user wrote.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        now: local time.
        lookup: returns the value of an input of the node of a title or type, None if there is none.

    """
    fields = {
        "width": str(width),
        "height": str(height),
        "year": f"{now:%Y}",
        "month": f"{now:%m}",
        "day": f"{now:%d}",
        "hour": f"{now:%H}",
        "minute": f"{now:%M}",
        "second": f"{now:%S}",
    }

    def replace(match: re.Match[str]) -> str:
        field = match[1]
        if field in fields:
            return fields[field]
        if field == "date" or field.startswith("date:"):
            return _date(field.partition(":")[2] or "yyyyMMddhhmmss", now)
        node, dot, name = field.rpartition(".")
        value = lookup(node, name) if dot else None
        return match[0] if value is None else _FORBIDDEN.sub("_", str(value))

    return _FIELD.sub(replace, prefix)


def _date(layout: str, now: datetime) -> str:
    numbers = {"d": now.day, "M": now.month, "h": now.hour, "m": now.minute, "s": now.second}

    def replace(match: re.Match[str]) -> str:
        part = match[0]
        if part[0] == "y":
            return str(now.year) if len(part) == 4 else str(now.year)[-2:] if len(part) == 2 else part
        return str(numbers[part[0]]).zfill(len(part))

    return _DATE_PART.sub(replace, layout)
