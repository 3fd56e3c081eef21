from types import MappingProxyType
from typing import Any

from inhouse.compat.dynamic_prompt import Expansions
from inhouse.compat.node_class import NodeClass, adapt, hidden_inputs
from inhouse.engine.asking import parameters


def a_class(**traits: Any) -> NodeClass:
    types = {"required": {"n": ("INT", {"min": 0, "max": 9}), "wheel": ("WHEEL",), "image": ("IMAGE",)}}
    return NodeClass("X", lambda: types, (), lambda _node_id: lambda **inputs: {"ui": inputs}, **traits)


def test_an_adapted_node_is_called_like_a_function() -> None:
    spec = adapt(a_class(hidden={"me": "UNIQUE_ID"}), Expansions())
    assert spec(n=1).ui == {"n": 1, "me": None}
    assert spec.keyed_by_id


def test_a_fingerprint_is_asked_only_for_what_it_looks_at() -> None:
    def fingerprint(n: int) -> int:
        return n

    def everything(**inputs: Any) -> int:
        return len(inputs)

    one = adapt(a_class(fingerprint=fingerprint), Expansions()).fingerprint
    every = adapt(a_class(fingerprint=everything), Expansions()).fingerprint
    assert one is not None
    assert every is not None
    assert parameters(one).names == {"n", "context"}
    assert parameters(every).names == {"n", "wheel", "image", "context"}
    assert one(n=4) == 4


def test_none_as_a_fingerprint_is_a_value_and_a_coroutine_is_always_new() -> None:
    async def later() -> int:
        return 1

    def nothing() -> None:
        return None

    none, coroutine = (adapt(a_class(fingerprint=asked), Expansions()).fingerprint for asked in (nothing, later))
    assert none is not None
    assert none() is not None
    assert coroutine is not None
    assert coroutine() is None


def test_choices_that_cannot_be_asked_for_are_those_seen_first() -> None:
    answers: list[dict[str, Any]] = [{"required": {"x": (["a"],)}}]
    spec = adapt(NodeClass("X", lambda: answers[0], (), lambda _id: lambda **_: ()), Expansions())
    choices = spec.inputs["x"].choices
    assert choices is not None
    assert list(choices.source) == ["a"]
    answers[0] = {"required": {"x": (["a", "b"],)}}
    assert list(choices.source) == ["a", "b"]
    answers.clear()
    assert list(choices.source) == ["a"]


def test_outside_of_a_call_hidden_inputs_are_none() -> None:
    assert hidden_inputs(None, MappingProxyType({"me": "UNIQUE_ID"})) == {"me": None}
