from typing import Any

import pytest

from inhouse.packs.flow.primitives import NODES


@pytest.mark.parametrize(
    ("node_id", "value"),
    [
        ("PrimitiveString", "a"),
        ("PrimitiveStringMultiline", "a\nb"),
        ("PrimitiveInt", 2**62),
        ("PrimitiveFloat", 0.5),
        ("PrimitiveBoolean", False),
    ],
)
def test_a_primitive_gives_its_value(node_id: str, value: Any) -> None:
    assert {spec.id: spec for spec in NODES}[node_id](value=value) is value
