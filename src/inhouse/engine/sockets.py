"""Sockets: what goes into a node and what comes out."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.engine.types import SCALARS, WIDGETS, WireType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.engine.markers import Choices, Range

MISSING: Any = inspect.Parameter.empty
"""The default of an input that has none."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input socket or widget of a node.

    Attributes:
        name: the parameter's name; also its key in a workflow.
        type: what may be plugged in.
        required: whether a workflow must give it.
        default: what a canvas shows first; ``MISSING`` when there is none.
        range: bounds of a number.
        choices: what a string may be.
        lazy: computed only when the node asks for it.
        catches: receives a failure instead of being skipped.
        raw_link: receives the link itself, its source is not run.
        options: how a canvas shows it.
        exact: the Python type of a typed-in value that needs no reading; None when each has to be looked at.

    """

    name: str
    type: WireType
    required: bool = True
    default: Any = MISSING
    range: Range | None = None
    choices: Choices | None = None
    lazy: bool = False
    catches: bool = False
    raw_link: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    exact: Any = field(init=False)

    def __post_init__(self) -> None:
        simple = self.choices is None and self.is_widget
        exact = next((python for python, wire in SCALARS.items() if wire == self.type), None) if simple else None
        object.__setattr__(self, "exact", exact)

    def fits(self, value: Any) -> bool:
        """Whether a typed-in value can be used as it is; one that does not fit may become fit by reading it."""
        kind = value.__class__
        if kind is not self.exact or (kind is float and not math.isfinite(value)):
            return False
        return self.range is None or self.range.min <= value <= self.range.max

    @property
    def is_widget(self) -> bool:
        """Whether a value can be typed in instead of linked."""
        typed = self.choices is not None or not self.type.names.isdisjoint(WIDGETS)
        return typed and not self.options.get("forceInput", False)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output socket of a node."""

    name: str
    type: WireType
    is_list: bool = False
    tooltip: str = ""
