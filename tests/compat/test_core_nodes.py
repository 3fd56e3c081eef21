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
    assert getattr(classes["Show"](), classes["Show"].FUNCTION)(v=3) == {"result": (), "ui": {"v": [3]}}
    assert classes["Theirs"] is theirs
    assert (list(classes), len(classes), "Nowhere" in classes) == (["Split", "Show", "Theirs"], 3, False)
    with pytest.raises(KeyError):
        classes["Nowhere"]


def test_a_node_of_ours_gets_the_context_of_the_call_it_is_used_in(call: Call) -> None:
    made = NodeClasses(Registry([split]), {})["Split"]
    with running(call):
        assert made().run(v=5) == (2, 3)


def test_packs_call_nodes_by_the_names_and_places_of_their_inputs(call: Call) -> None:
    classes = NodeClasses(Registry([split, show]), {})
    with running(call):
        assert classes["Split"]().halve(5) == (2, 3)
        assert classes["Show"]().show(3, "prefix", {}, prompt={}, filename_prefix="x")["ui"] == {"v": [3]}
    assert not hasattr(classes["Split"](), "check_lazy_status")
    assert not hasattr(classes["Split"](), "_hidden")


@node("PreviewImage", output_node=True)
def preview(*, images: int) -> Result:
    """Show a picture."""
    return Result(ui={"images": [images]})


def test_packs_derive_from_nodes_of_ours() -> None:
    base = NodeClasses(Registry([preview]), {}, lambda kind: f"/{kind}")["PreviewImage"]

    class Theirs(base):  # type: ignore[misc, valid-type] # a class made at run time
        def save_images(self, mask: int) -> object:
            return super().save_images(mask * 2, "prefix")

    theirs = Theirs()
    assert base.FUNCTION == "save_images"
    assert theirs.save_images(2) == {"result": (), "ui": {"images": [4]}}
    assert (theirs.output_dir, theirs.type) == ("/temp", "temp")
    theirs.output_dir = "/mine"
    assert theirs.output_dir == "/mine"
