"""Pictures in a terminal that can show them (the kitty and iTerm2 protocols)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK = 4096
"""Bytes of base64 that kitty's protocol allows in one escape sequence."""


def escape_sequences(png: bytes, environment: Mapping[str, str]) -> str:
    """Return what to print so that the terminal shows a PNG; empty where it cannot.

    See https://sw.kovidgoyal.net/kitty/graphics-protocol/ and https://iterm2.com/documentation-images.html.
    """
    data = base64.b64encode(png).decode("ascii")
    program = environment.get("TERM_PROGRAM", "")
    if "KITTY_WINDOW_ID" in environment or environment.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return "".join(_kitty(data)) + "\n"
    if program in ("iTerm.app", "WezTerm", "vscode", "mintty"):
        return f"\x1b]1337;File=inline=1;size={len(png)}:{data}\a\n"
    return ""


def _kitty(data: str) -> Iterator[str]:
    for start in range(0, len(data), _CHUNK):
        more = int(start + _CHUNK < len(data))
        head = f"a=T,f=100,m={more}" if start == 0 else f"m={more}"
        yield f"\x1b_G{head};{data[start : start + _CHUNK]}\x1b\\"
