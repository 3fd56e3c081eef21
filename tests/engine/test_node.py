"""Declaring a node: the signature is the schema."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Annotated, Any, NamedTuple, Optional, Union

import pytest

from inhouse import Catch, Choices, Context, Lazy, Output, Range, Result, Widget, Wire, node
from inhouse.engine.sockets import MISSING
from inhouse.engine.types import WireType

Picture = Annotated[Any, Wire("IMAGE")]


class Parts(NamedTuple):
    image: Picture
    mask: Annotated[Any, Wire("MASK"), Output("alpha", "where it is clear")]
    sizes: list[int]


@node("Everything", category="a/b", reads=("style",), flags={"experimental": True})
def everything(
    *,
    image: Picture,
    count: Annotated[int, Range(1, 9)] = 3,
    name: Annotated[str, Choices(("a", "b"))] = "a",
    strength: float | None = None,
    either: Annotated[Any, Wire("IMAGE,MASK")] | None = None,
    number: int | str = 1,
    later: Annotated[Any, Lazy(), Catch()] | None = None,
    text: Annotated[str, Widget({"multiline": True})] = "",
    many: list[int],
    context: Context,
) -> Parts:
    """Do everything.

    And more.
    """
    del image, count, name, strength, either, number, later, text, many, context
    return Parts(None, None, [])


def test_inputs_are_in_the_order_of_the_parameters_without_the_context() -> None:
    names = ["image", "count", "name", "strength", "either", "number", "later", "text", "many"]
    assert list(everything.inputs) == names
    assert everything.context == "context"


@pytest.mark.parametrize(
    ("name", "kind", "required", "default"),
    [
        ("image", "IMAGE", True, MISSING),
        ("count", "INT", True, 3),
        ("name", "COMBO", True, "a"),
        ("strength", "FLOAT", False, MISSING),
        ("either", "IMAGE,MASK", False, MISSING),
        ("number", "INT,STRING", True, 1),
        ("later", "*", False, MISSING),
        ("text", "STRING", True, ""),
        ("many", "INT", True, MISSING),
    ],
)
def test_each_input(name: str, kind: str, *, required: bool, default: Any) -> None:
    declared = everything.inputs[name]
    assert (str(declared.type), declared.required, declared.default) == (kind, required, default)


def test_markers_reach_the_sockets() -> None:
    assert everything.inputs["count"].range == Range(1, 9)
    assert everything.inputs["name"].choices == Choices(("a", "b"))
    assert everything.inputs["text"].options == {"multiline": True}
    assert (everything.inputs["later"].lazy, everything.inputs["later"].catches) == (True, True)
    assert not everything.eager


def test_several_outputs_are_the_fields_of_a_named_tuple() -> None:
    assert [(out.name, str(out.type), out.is_list, out.tooltip) for out in everything.outputs] == [
        ("image", "IMAGE", False, ""),
        ("alpha", "MASK", False, "where it is clear"),
        ("sizes", "INT", True, ""),
    ]


def test_help_is_the_first_paragraph_and_the_name_is_the_id_unless_given() -> None:
    assert everything.description == "Do everything."
    assert everything.display_name == "Everything"
    assert node("X", display_name="An X")(nothing).display_name == "An X"


def nothing() -> None:
    return None


def picture() -> Picture:
    return None


def pictures() -> list[Picture]:
    return []


def result() -> Result:
    return Result()


def typed_result() -> Annotated[Result, Parts]:
    return Result()


def anything() -> Any:
    return None


@pytest.mark.parametrize(
    ("function", "outputs"),
    [
        (nothing, []),
        (result, []),
        (picture, [("IMAGE", "IMAGE", False)]),
        (pictures, [("IMAGE", "IMAGE", True)]),
        (typed_result, [("image", "IMAGE", False), ("alpha", "MASK", False), ("sizes", "INT", True)]),
        (anything, [("*", "*", False)]),
    ],
)
def test_outputs(function: Any, outputs: list[Any]) -> None:
    assert [(out.name, str(out.type), out.is_list) for out in node("N")(function).outputs] == outputs


def test_a_class_that_is_only_called_result_is_a_result_like_any_other() -> None:
    class Result(NamedTuple):  # shadows ours on purpose
        a: int

    def function() -> Any:
        return Result(1)

    function.__annotations__["return"] = Result
    assert [out.name for out in node("N")(function).outputs] == ["a"]


def test_a_node_is_called_like_its_function() -> None:
    @node("Add")
    def add(*, a: int, b: int = 2) -> int:
        return a + b

    assert add(a=1) == 3
    with pytest.raises(TypeError):
        add(a=1, c=2)


def test_a_declaration_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        everything.id = "Other"  # type: ignore[misc] # the fault under test
    with pytest.raises(TypeError):
        everything.inputs["x"] = everything.inputs["image"]  # type: ignore[index] # as above


def test_optional_spelled_in_the_old_way() -> None:
    @node("Old")
    def old(*, a: Optional[int] = None, b: Union[int, str] = 1) -> None:  # noqa: UP007, UP045 - packs write it
        del a, b

    assert [(str(i.type), i.required) for i in old.inputs.values()] == [("INT", False), ("INT,STRING", True)]


def test_a_coroutine_function_is_an_asynchronous_node() -> None:
    @node("Async")
    async def fetch(*, a: int) -> int:
        return a

    assert fetch.is_async
    assert not everything.is_async


class TestFaultsOfAuthors:
    def test_positional(self) -> None:
        def function(a: int) -> None:
            del a

        with pytest.raises(TypeError, match=r"parameter 'a' of a node must be keyword-only"):
            node("N")(function)

    def test_without_annotation(self) -> None:
        def function(*, a) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - the fault under test
            del a

        with pytest.raises(TypeError, match=r"parameter 'a' of a node needs an annotation"):
            node("N")(function)

    @pytest.mark.parametrize("annotation", [object(), dict[str, int], complex, list])
    def test_no_wire_type(self, annotation: Any) -> None:
        def function(*, a: Any) -> None:
            del a

        function.__annotations__["a"] = annotation
        with pytest.raises(TypeError, match=r"annotate it with Wire|callable"):
            node("N")(function)


class TestWireTypes:
    @pytest.mark.parametrize(
        ("socket", "given", "fits"),
        [
            ("IMAGE", "IMAGE", True),
            ("IMAGE", "MASK", False),
            ("IMAGE,MASK", "MASK", True),
            ("IMAGE,MASK", "MASK,LATENT", True),
            ("IMAGE, MASK", "MASK", True),
            ("FLOAT", "INT", False),
            ("*", "ANYTHING", True),
            ("IMAGE", "*", True),
        ],
    )
    def test_what_fits(self, socket: str, given: str, *, fits: bool) -> None:
        assert WireType.parse(socket).accepts(WireType.parse(given)) is fits

    def test_equal_text_is_one_type(self) -> None:
        assert WireType.parse("MASK,IMAGE") == WireType.parse("IMAGE,MASK")
        assert str(WireType.parse("MASK,IMAGE")) == "IMAGE,MASK"
