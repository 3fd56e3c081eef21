"""Lists, shares and lengths, as people write them on a command line or in a widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def names(option: str, text: str) -> tuple[str, ...]:
    """Return words between commas, each once."""
    found = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if text.strip() and not found:
        raise UsageError(f"{option} {text!r} names nothing.", hint="Write names with commas between them.")
    return found


def integers(option: str, text: str, *, least: int = 1) -> tuple[int, ...]:
    """Return whole numbers between commas.

    Raises:
        UsageError: something is none, or below ``least``.

    """
    found = [_whole(word) for word in names(option, text)]
    kept = [number for number in found if number is not None and number >= least]
    if len(kept) != len(found):
        raise UsageError(f"{option} {text!r} is no list of whole numbers from {least}.", hint=f"Write {option} 1,8,32.")
    return tuple(dict.fromkeys(kept))


def numbers(option: str, text: str) -> tuple[float, ...]:
    """Return positive numbers between commas.

    Raises:
        UsageError: something is none.

    """
    found = [_number(word) for word in names(option, text)]
    if any(not 0 < number < float("inf") for number in found):
        raise UsageError(f"{option} {text!r} is no list of positive numbers.", hint=f"Write {option} 10,50.")
    return tuple(found)


def share(option: str, text: str) -> float | None:
    """Return a part of the whole, said as ``5%`` or ``0.05``; None for nothing.

    Raises:
        UsageError: it is neither.

    """
    if not text:
        return None
    found = _number(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= found < float("inf"):
        raise UsageError(f"{option} {text!r} is no share.", hint=f"Write {option} 5%.")
    return found


def lengths(option: str, texts: Iterable[str]) -> dict[str, int]:
    """Return what ``axis=length`` says.

    Raises:
        UsageError: something says otherwise.

    """
    found = {}
    for text in texts:
        name, _, said = text.partition("=")
        length = _whole(said)
        if not name or length is None or length < 1:
            raise UsageError(f"{option} {text!r} names no axis and its length.", hint=f"Write {option} tokens=128.")
        found[name] = length
    return found


def chosen(option: str, text: str, choices: Sequence[str]) -> str:
    """Return one of a few words.

    Raises:
        UsageError: it is none of them.

    """
    if text not in choices:
        raise UsageError(f"{option} is one of {', '.join(choices)}, not {text!r}.")
    return text


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _number(text: str) -> float:
    """Return a number; not a number for what is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
