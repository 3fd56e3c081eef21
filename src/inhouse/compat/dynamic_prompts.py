r"""Dynamic prompts: ``{red|green}`` becomes one of its options, comments go, ``\{`` becomes ``{``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINE_COMMENT = re.compile(r"//[^\n]*")
_PART = re.compile(r"\\[{}|]|[{}|]|[^\\{}|]+|\\")


def resolve(text: str, random_source: random.Random) -> str:
    """Return the text with one option chosen in each pair of braces, inner ones first."""
    levels: list[list[list[str]]] = [[[]]]
    for part in _PART.findall(_without_comments(text)):
        inside = len(levels) > 1
        if part == "{":
            levels.append([[]])
        elif part == "}" and inside:
            levels[-2][-1].append("".join(random_source.choice(levels.pop())))
        elif part == "|" and inside:
            levels[-1].append([])
        else:
            escaped = part in (r"\{", r"\}") or (part == r"\|" and inside)
            levels[-1][-1].append(part[1] if escaped else part)
    return "{".join("|".join(map("".join, options)) for options in levels)


def escape(text: str) -> str:
    """Return text that ``resolve`` gives back as it was, unless it holds a comment, for which there is no escape."""
    return re.sub(r"([{}])", r"\\\1", text)


def _without_comments(text: str) -> str:
    end = text.rfind("*/") + 2  # beyond the last end no comment starts, so that no search is in vain
    text = _BLOCK_COMMENT.sub("", text[:end]) + text[end:] if end > 1 else text
    return _LINE_COMMENT.sub("", text)
