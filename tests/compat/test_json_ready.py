import json
import math
from enum import Enum
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inhouse.compat.json_ready import json_ready

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abcé"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner),
)


class Mode(Enum):
    FAST = "fast"


class AnyType(str):
    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return False

    __eq__ = object.__eq__
    __hash__ = str.__hash__


@given(PLAIN)
def test_what_json_can_say_stays_as_it_is(value: Any) -> None:
    assert json_ready(value) == value


def test_what_packs_declare_becomes_what_json_can_say() -> None:
    odd = {
        1: (1, 2),
        Mode.FAST: Mode.FAST,
        "any": AnyType("*"),
        "bad": [math.nan, math.inf],
        "half": "\ud800",
        "n": np.float32(0.5),
        "i": np.int64(3),
        "f": print,
    }
    ready = json_ready(odd)
    assert type(ready["any"]) is str
    assert json.loads(json.dumps(ready)) == {
        "1": [1, 2],
        "fast": "fast",
        "any": "*",
        "bad": [None, None],
        "half": "?",
        "n": 0.5,
        "i": 3,
        "f": str(print),
    }


def test_a_value_within_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert json.dumps(json_ready(loop))


def test_an_integer_that_few_readers_take_is_text() -> None:
    assert json_ready([2**64, -(2**63) - 1, 2**64 - 1]) == ["18446744073709551616", "-9223372036854775809", 2**64 - 1]
