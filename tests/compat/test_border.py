"""Values that look otherwise to custom packs are translated both ways, others are left alone."""

from __future__ import annotations

from inhouse.compat.border import Border
from inhouse.engine.types import WireType

BORDER = Border([{"NUMBER": (lambda value: -value if isinstance(value, int) else value, abs)}])


def test_a_value_is_translated_on_its_wire_alone() -> None:
    assert BORDER.outwards(3, WireType.parse("NUMBER")) == -3
    assert BORDER.inwards(-3, WireType.parse("NUMBER,IMAGE")) == 3
    assert BORDER.outwards(3, WireType.parse("IMAGE")) == 3


def test_on_a_wire_of_any_type_or_of_none_each_translation_is_tried() -> None:
    assert BORDER.outwards(3, WireType.parse("*")) == -3
    assert BORDER.outwards(3) == -3


def test_each_of_a_list_is_translated_and_a_list_of_others_stays_the_same() -> None:
    assert BORDER.outwards([1, 2], WireType.parse("NUMBER")) == [-1, -2]
    words = ["a", "b"]
    assert BORDER.outwards(words) is words
