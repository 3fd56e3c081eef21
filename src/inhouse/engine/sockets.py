"""Sockets: what goes into a node and what comes out."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.engine.types import WIDGETS, WireType

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
