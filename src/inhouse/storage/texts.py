"""Texts that every database holds."""

from __future__ import annotations


def is_storable(text: str | None) -> bool:
    """Whether a text has neither a NUL (PostgreSQL takes none) nor half a surrogate pair (no database does)."""
    if text is None or (text.isascii() and "\0" not in text):
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def storable(text: str) -> str:
    """Return a text with question marks for what no database holds."""
    return text if is_storable(text) else text.replace("\0", "?").encode(errors="replace").decode()
