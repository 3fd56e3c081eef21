"""Stop words: what ends a text, and is no part of it."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Lets text through up to a stop word. What might become one is held back until that is known.

    Args:
        words: that end the text.

    Attributes:
        found: whether one came.

    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = [word for word in words if word]
        self._held = ""
        self.found = False

    def add(self, text: str) -> str:
        """Return what can be told once this text has come."""
        if self.found:
            return ""
        text = self._held + text
        places = [place for word in self._words if (place := text.find(word)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        kept = max((_overlap(text, word) for word in self._words), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def rest(self) -> str:
        """Return what was held back, now that nothing more comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, word: str) -> int:
    """Return how many of the last characters of a text begin a word."""
    return next((size for size in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:size])), 0)
