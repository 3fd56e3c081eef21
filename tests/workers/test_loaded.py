"""Models in memory are found in whatever holds them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from inhouse.workers.loaded import models_in


class Model:
    """Something that can be put out of memory."""

    def __init__(self, *, loaded: bool = True) -> None:
        self.nbytes = 10
        self.loaded = loaded

    def unload(self) -> None:
        self.loaded = False


@dataclass(frozen=True)
class Holder:
    """As a node's output holds a network."""

    network: Any
    name: str = "unet"


def test_they_are_found_each_once_wherever_they_are() -> None:
    one, two, three = Model(), Model(), Model()
    found = models_in([[(Holder(one),), one], {"a": [MappingProxyType({"b": Holder(Holder(two))})]}, {3: three}])
    assert {id(model) for model in found} == {id(one), id(two), id(three)}
    assert len(found) == 3


def test_those_that_are_not_loaded_do_not_count_and_circles_end() -> None:
    circle: list[Any] = [Model(loaded=False), "text", 1, None, b"", Holder]
    circle.append(circle)
    assert models_in(circle) == []
