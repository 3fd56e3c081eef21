import json
from typing import Any

import orjson
import pytest

from inhouse.compat.plain_json import number, plain, to_json


class Mute:
    def __str__(self) -> str:
        raise ValueError("no")


DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "data", [2**70, "\ud800", float("nan"), {1: 2}, {"x": object()}, [(1, 2**64)], {"x": {3}}, Mute(), DEEP, b"x"]
)
def test_json_is_made_of_anything(data: object) -> None:
    assert list(json.loads(to_json({"data": data}))) == ["data"]
    assert orjson.dumps(plain({"data": data})).decode() == to_json({"data": data})


def test_what_is_json_already_stays_as_it_is() -> None:
    data = {"images": [{"filename": "a.png"}], "n": [1, 2.5, None, True]}
    assert plain(data) is data
    assert plain({"x": 2**70, "y": (1, {2: "a"})}) == {"x": str(2**70), "y": [1, {"2": "a"}]}


@pytest.mark.parametrize(
    ("value", "read"),
    [(3, 3), (0.5, 0.5), (True, 1.0), ("0.5", 0.5), (float("nan"), 0), (None, 0), ([1], 0), (1e999, 0)],
)
def test_what_is_no_number_is_nothing(value: object, read: float) -> None:
    assert number(value) == read
    assert type(number(3)) is int
