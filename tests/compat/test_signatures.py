from typing import Any

from inhouse.compat.signatures import with_names
from inhouse.engine.asking import ask, parameters


def seen(**known: Any) -> dict[str, Any]:
    return known


def test_a_function_is_asked_for_its_names_only() -> None:
    assert ask(with_names(seen, ["a", "a"]), {"a": 1, "b": 2}) == {"a": 1}
    assert parameters(with_names(seen, ["a"])).required == frozenset()


def test_names_that_no_parameter_can_have_reach_it_all_the_same() -> None:
    known = {"my input": 1, "class": 2, "a": 3}
    assert ask(with_names(seen, known), known) == known
