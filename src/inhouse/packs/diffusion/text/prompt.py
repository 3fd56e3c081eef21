r"""Attention weights in prompts: ``(word)``, ``(word:1.3)``, nesting, and ``\(`` for a parenthesis that is text."""

from __future__ import annotations

import re
from dataclasses import dataclass

EMPHASIS = 1.1
"""Factor of one pair of parentheses that name no weight."""

_PARENTHESIS = re.compile(r"\\[()]|[()]")
_WEIGHT = re.compile(r"(?<=.):\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?)\s*\Z", re.DOTALL)
_LONGEST_WEIGHT = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text under one weight.

    Attributes:
        text: the text, escapes resolved; never empty.
        weight: its weight; 1.0 leaves the text as it is.

    """

    text: str
    weight: float


def parse(prompt: str) -> list[Segment]:
    r"""Split a prompt into runs of equal weight.

    ``(text)`` multiplies the weight around it by 1.1, ``(text:w)`` sets it to ``w`` whatever lies around, and both
    nest. A parenthesis without a partner, and one behind a backslash, is text.

    Args:
        prompt: any text; none is malformed.

    """
    partners = _partners(prompt)
    ends = {end: start for start, end in partners.items()}
    weights = [1.0]
    text_ends: dict[int, int] = {}
    segments: list[Segment] = []
    literal = 0
    for mark in _PARENTHESIS.finditer(prompt):
        position = mark.start()
        if position in partners:
            _append(segments, prompt[literal:position], weights[-1])
            explicit = _explicit_weight(prompt, position + 1, partners[position])
            text_ends[position], weight = explicit or (partners[position], weights[-1] * EMPHASIS)
            weights.append(weight)
            literal = position + 1
        elif position in ends:
            _append(segments, prompt[literal : text_ends[ends[position]]], weights.pop())
            literal = position + 1
    _append(segments, prompt[literal:], weights[-1])
    return segments


def _partners(prompt: str) -> dict[int, int]:
    """Return where each parenthesis that has a partner opens and closes."""
    opened: list[int] = []
    partners: dict[int, int] = {}
    for mark in _PARENTHESIS.finditer(prompt):
        if mark.group() == "(":
            opened.append(mark.start())
        elif mark.group() == ")" and opened:
            partners[opened.pop()] = mark.start()
    return partners


def _explicit_weight(prompt: str, start: int, end: int) -> tuple[int, float] | None:
    """Return where the text of a group ends and the weight behind its last colon, if there is one."""
    tail_start = max(start, end - _LONGEST_WEIGHT)
    found = _WEIGHT.search(prompt[tail_start:end])
    return (tail_start + found.start(), float(found.group(1))) if found else None


def _append(segments: list[Segment], raw: str, weight: float) -> None:
    """Add a run of text with its escapes resolved; an empty one is none."""
    text = raw.replace(r"\(", "(").replace(r"\)", ")")
    if text:
        segments.append(Segment(text, weight))
