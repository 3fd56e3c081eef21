from types import MappingProxyType
from typing import Any

from inhouse import Registry, node
from inhouse.compat.leniency import is_open_ended, left_to_check, take_literals
from inhouse.compat.object_info import read_input, spec_from_object_info


def a_spec(node_id: str, inputs: dict[str, Any], output: list[str]) -> Any:
    return spec_from_object_info(node_id, {"input": {"required": inputs}, "output": output})


def test_inputs_that_only_a_widget_gives_take_values() -> None:
    wheel = a_spec("Wheel", {"n": ["INT"], "wheel": ["WHEEL"], "image": ["IMAGE"], "mine": ["MINE"]}, ["MINE"])
    (spec,) = take_literals([wheel], Registry([a_spec("Load", {}, ["IMAGE"])]))
    assert [name for name, item in spec.inputs.items() if item.type.is_wildcard] == ["wheel"]


def test_what_a_check_looks_at_is_left_to_it() -> None:
    number = read_input("n", ["INT", {"min": 0, "max": 9}], required=True)
    assert left_to_check(number, {"other"}) is number
    for checked in ({"n"}, {"*"}):
        left = left_to_check(number, checked)
        assert (left.range, left.options) == (None, {"min": 0, "max": 9})


def test_a_check_that_asks_for_types_judges_them() -> None:
    image = read_input("image", ["IMAGE"], required=True)
    assert left_to_check(image, {"input_types"}).type.is_wildcard
    assert not left_to_check(image, {"*"}).type.is_wildcard


def test_choices_are_open_where_the_node_checks_them_or_takes_several() -> None:
    plain = read_input("x", [["a", "b"]], required=True)
    several = read_input("x", [["a", "b"], {"multiselect": True}], required=True)
    assert not is_open_ended(plain, {"y"})
    assert is_open_ended(plain, {"x"})
    assert is_open_ended(several, ())


def test_nodes_of_ours_are_let_be() -> None:
    @node("Plain")
    def plain(*, n: int = 0) -> int:
        """Return a number."""
        return n

    assert take_literals([plain])[0].inputs == MappingProxyType(dict(plain.inputs))
