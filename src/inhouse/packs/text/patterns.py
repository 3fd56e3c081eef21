"""Patterns: regular expressions that cannot hang a run.

Python's own ``re`` may take exponential time and cannot be stopped; the ``regex`` package reads the same syntax and
keeps a deadline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import regex

from inhouse.errors import NodeInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

SECONDS = 5.0
"""How long one search may take."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression with its flags.

    Attributes:
        text: as the user wrote it, in the syntax of Python's ``re``.
        case_insensitive: whether ``a`` finds ``A``.
        multiline: whether ``^`` and ``$`` match at each line.
        dotall: whether ``.`` matches a line's end.
        seconds: the deadline of one search.

    """

    text: str
    case_insensitive: bool = True
    multiline: bool = False
    dotall: bool = False
    seconds: float = SECONDS

    def matches(self, string: str) -> bool:
        """Whether the pattern occurs in a text.

        Raises:
            NodeInputError: the pattern is malformed, or takes too long; likewise below.

        """
        return self._guarded(lambda: self._search(string)) is not None

    def first(self, string: str, group: int = 0) -> str:
        """Return a group of the first occurrence; empty if there is none, or no such group."""
        return self._guarded(lambda: _group(self._search(string), group))

    def all(self, string: str, group: int = 0) -> list[str]:
        """Return a group of each occurrence; those without such a group are left out."""
        return self._guarded(
            lambda: [
                _group(match, group)
                for match in self._compiled().finditer(string, timeout=self.seconds, concurrent=True)
                if group <= len(match.groups())
            ]
        )

    def replace(self, string: str, replacement: str, count: int = 0) -> str:
        r"""Replace the first ``count`` occurrences, 0 for all; ``\1`` in the replacement stands for group 1."""
        return self._guarded(
            lambda: str(self._compiled().sub(replacement, string, count=count, timeout=self.seconds, concurrent=True))
        )

    def _search(self, string: str) -> regex.Match[str] | None:
        return self._compiled().search(string, timeout=self.seconds, concurrent=True)

    def _compiled(self) -> regex.Pattern[str]:
        flags = regex.VERSION0
        flags |= regex.IGNORECASE if self.case_insensitive else 0
        flags |= regex.MULTILINE if self.multiline else 0
        flags |= regex.DOTALL if self.dotall else 0
        return regex.compile(self.text, flags)

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except TimeoutError as error:
            raise NodeInputError(
                f"The pattern {self.text!r} took more than {self.seconds:g} seconds.",
                hint="Avoid nested repetitions such as (a+)+.",
                input_name="regex_pattern",
            ) from error
        except (regex.error, IndexError) as error:
            raise NodeInputError(
                f"The pattern {self.text!r} or its replacement is malformed: {error}.",
                hint="It takes the syntax of Python's re module.",
                input_name="regex_pattern",
            ) from error


def _group(match: regex.Match[str] | None, group: int) -> str:
    if match is None or group > len(match.groups()):
        return ""
    return match[group] or ""
