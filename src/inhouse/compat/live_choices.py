"""Choices that a custom node declares: asked for anew each time, as its author's function may list files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, SupportsIndex, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class LiveChoices(tuple[str, ...]):  # noqa: SLOT001 - a tuple cannot have any
    """A tuple of choices whose items are read when somebody looks.

    Args:
        read: returns what may be chosen now.
        open_ended: whether other values are welcome, too: the node checks them itself.

    """

    _read: Callable[[], Sequence[Any]]
    _open_ended: bool

    def __new__(cls, read: Callable[[], Sequence[Any]], *, open_ended: bool = False) -> Self:
        """Make one; the tuple itself stays empty."""
        made = super().__new__(cls)
        made._read = read
        made._open_ended = open_ended
        return made

    def __contains__(self, item: object) -> bool:
        return self._open_ended or item in self._read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    @overload
    def __getitem__(self, index: SupportsIndex) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> str | tuple[str, ...]:
        return tuple(self._read())[index]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)
