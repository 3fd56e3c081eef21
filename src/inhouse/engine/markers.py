"""What a node author writes inside ``Annotated``: ranges, choices, and how an input behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Wire:
    """The name on the wire of a type that is no Python scalar: ``Annotated[Tensor, Wire("IMAGE")]``."""

    name: str


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number, both included.

    Attributes:
        min: smallest value allowed.
        max: largest value allowed.
        step: what one click of a widget adds.
        round: to what a widget rounds; None leaves it to ``step``.

    """

    min: float
    max: float
    step: float | None = None
    round: float | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a string may be: a fixed tuple, or the name of a source that is asked when the schema is shown.

    A source is looked up in the registry, so that a list of files is read when somebody looks, never at import.
    """

    source: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Widget:
    """How a canvas shows an input (``multiline``, ``tooltip``, ``control_after_generate`` ...); never changes a run."""

    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lazy:
    """The input is computed only when the node's ``needs`` function asks for it; until then it is None."""


@dataclass(frozen=True, slots=True)
class Catch:
    """The node receives a ``Failure`` in this input instead of being skipped when its source fails."""


@dataclass(frozen=True, slots=True)
class Output:
    """The name of an output socket where it is not the name of its type."""

    name: str
    tooltip: str = ""
