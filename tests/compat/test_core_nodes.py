from typing import NamedTuple

import pytest

from inhouse import Context, Registry, node
from inhouse.compat.calls_in_progress import Call, running
from inhouse.compat.core_nodes import NodeClasses
from inhouse.engine.node import Result


class Halves(NamedTuple):
    first: int
    second: int


@node("Split", category="ours")
def split(*, v: int = 4, context: Context) -> Halves:
    """Split a number."""
    assert context.run_id
    return Halves(v // 2, v - v // 2)


@node("Show", output_node=True)
def show(*, v: int) -> Result:
    """Show a number."""
    return Result(ui={"v": [v]})


def test_our_nodes_look_like_old_style_classes() -> None:
    theirs = type("Theirs", (), {})
    classes = NodeClasses(Registry([split, show]), {"Theirs": theirs})
    made = classes["Split"]
    assert made is classes["Split"]
    assert made.RETURN_TYPES == ("INT", "INT")
    assert made.RETURN_NAMES == ("first", "second")
    assert made.INPUT_TYPES() == {"required": {"v": ["INT", {"default": 4}]}}
    assert (made.CATEGORY, made.OUTPUT_NODE, classes["Show"].OUTPUT_NODE) == ("ours", False, True)
    assert getattr(classes["Show"](), made.FUNCTION)(v=3) == {"result": (), "ui": {"v": [3]}}
    assert classes["Theirs"] is theirs
    assert (list(classes), len(classes), "Nowhere" in classes) == (["Split", "Show", "Theirs"], 3, False)
    with pytest.raises(KeyError):
        classes["Nowhere"]


def test_a_node_of_ours_gets_the_context_of_the_call_it_is_used_in(call: Call) -> None:
    made = NodeClasses(Registry([split]), {})["Split"]
    with running(call):
        assert made().run(v=5) == (2, 3)
