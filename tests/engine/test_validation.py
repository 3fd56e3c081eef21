"""Validation: every fault at once, each with its place and what to do about it."""

from __future__ import annotations

import math
from typing import Annotated, Any

import pytest
from tests.engine.kit import basics, link, workflow

from inhouse import Choices, Context, Link, Range, Registry, Widget, Wire, Workflow, WorkflowNode, node
from inhouse.engine.registry import ChoiceSource
from inhouse.engine.validation import validate
from inhouse.errors import Fault

Picture = Annotated[Any, Wire("IMAGE")]
PictureOrMask = Annotated[Any, Wire("IMAGE,MASK")]


@node("Widgets", output_node=True)
def widgets(
    *,
    steps: Annotated[int, Range(1, 100)],
    cfg: Annotated[float, Range(0, 10)],
    name: Annotated[str, Choices(("euler", "heun"))],
    file: Annotated[str, Choices("files/a")],
    on: bool,
    text: str,
) -> None:
    """Take one of everything."""
    del steps, cfg, name, file, on, text


@node("Picture")
def picture() -> Picture:
    return None


@node("Mask")
def mask() -> Annotated[Any, Wire("MASK")]:
    return None


@node("Either", output_node=True)
def either(*, value: PictureOrMask) -> None:
    del value


@node("OnlyPicture", output_node=True)
def only_picture(*, value: Picture) -> None:
    del value


@node("Wild")
def wild() -> Any:
    return None


@node("Forced", output_node=True)
def forced(*, value: Annotated[int, Widget({"forceInput": True})]) -> None:
    del value


def even(value: int) -> Any:
    return value % 2 == 0 or f"{value} is odd"


@node("Checked", output_node=True, check=even)
def checked(*, value: int) -> None:
    del value


def broken_check(value: int) -> bool:
    return bool(value < [])  # type: ignore[operator] # as a custom node might


@node("BrokenCheck", output_node=True, check=broken_check)
def broken(*, value: int) -> None:
    del value


REGISTRY = Registry(
    [*basics(), widgets, picture, mask, either, only_picture, wild, forced, checked, broken],
    sources={"files": ChoiceSource(lambda rest: [f"{rest}.png", "b.png"])},
)
GOOD: dict[str, Any] = {"steps": 5, "cfg": 1.5, "name": "heun", "file": "a.png", "on": True, "text": "x"}


def faults(flow: Workflow, targets: list[str] | None = None) -> list[Fault]:
    return list(validate(flow, REGISTRY, targets).faults)


def short(found: list[Fault]) -> list[tuple[str, str, str]]:
    return [(fault.code, fault.node_id, fault.input_name) for fault in found]


def fault(**changes: Any) -> Fault:
    found = faults(workflow(w=("Widgets", GOOD | changes)))
    assert len(found) == 1
    assert (found[0].node_id, found[0].input_name) == ("w", next(iter(changes)))
    assert found[0].hint
    assert str(found[0]).startswith(f"node w, input {next(iter(changes))}: ")
    return found[0]


def test_a_sound_workflow_has_no_fault_and_keeps_its_values() -> None:
    found = validate(workflow(w=("Widgets", GOOD)), REGISTRY)
    assert found.faults == ()
    assert found.targets == ("w",)
    assert found.inputs["w"] == GOOD


def test_every_fault_is_told_at_once_with_its_place() -> None:
    flow = workflow(
        w=("Widgets", {"steps": 0, "cfg": 11, "name": "eular", "on": "maybe", "text": None}),
        m=("Mask", {}),
        o=("OnlyPicture", {"value": link("m")}),
        e=("Either", {"value": link("gone")}),
        p=("Show", {"value": link("m", 3)}),
        u=("Widget", {}),
        c=("Checked", {"value": 3}),
    )
    assert short(faults(flow)) == [
        ("unknown_node", "u", ""),
        ("value_smaller_than_min", "w", "steps"),
        ("value_bigger_than_max", "w", "cfg"),
        ("value_not_in_list", "w", "name"),
        ("required_input_missing", "w", "file"),
        ("invalid_input_type", "w", "on"),
        ("invalid_input_type", "w", "text"),
        ("return_type_mismatch", "o", "value"),
        ("missing_node", "e", "value"),
        ("bad_slot", "p", "value"),
        ("custom_validation_failed", "c", "value"),
    ]
    assert all(found.hint for found in faults(flow) if found.code != "custom_validation_failed")


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"steps": 101}, "value_bigger_than_max", "Allowed is 1 to 100."),
        ({"cfg": -0.1}, "value_smaller_than_min", "-0.1 is smaller than 0."),
        ({"name": "eulr"}, "value_not_in_list", "Did you mean 'euler'? There are: euler, heun."),
        ({"file": "c.png"}, "value_not_in_list", "There are: a.png, b.png."),
        ({"steps": "many"}, "invalid_input_type", "Cannot read 'many' as INT."),
        ({"steps": None}, "invalid_input_type", "Cannot read None as INT."),
        ({"steps": [1]}, "invalid_input_type", "Cannot read [1] as INT."),
        ({"steps": math.nan}, "invalid_input_type", "as INT"),
        ({"steps": math.inf}, "invalid_input_type", "as INT"),
        ({"cfg": math.nan}, "invalid_input_type", "as FLOAT"),
        ({"cfg": -math.inf}, "invalid_input_type", "as FLOAT"),
        ({"cfg": "nan"}, "invalid_input_type", "as FLOAT"),
        ({"steps": 10**5_000}, "value_bigger_than_max", "a number of 16610 bits is bigger than 100"),
        ({"name": ["euler"]}, "value_not_in_list", "is not one of the choices"),
        ({"name": 1}, "value_not_in_list", "is not one of the choices"),
    ],
)
def test_values(changes: dict[str, Any], code: str, says: str) -> None:
    found = fault(**changes)
    assert found.code == code
    assert says in str(found)
    assert found.details["received_value"] is next(iter(changes.values()))


def test_values_are_read_as_canvases_save_them() -> None:
    given = {"steps": "5", "cfg": 2, "name": "euler", "file": "b.png", "on": "false", "text": 17}
    found = validate(workflow(w=("Widgets", given)), REGISTRY)
    assert found.inputs["w"] == given | {"steps": 5, "cfg": 2.0, "on": False, "text": "17"}
    assert type(found.inputs["w"]["cfg"]) is float


class TestLinks:
    @pytest.mark.parametrize(
        ("source", "sink", "fits"),
        [
            ("Picture", "OnlyPicture", True),
            ("Mask", "OnlyPicture", False),
            ("Picture", "Either", True),
            ("Mask", "Either", True),
            ("Number", "Either", False),
            ("Wild", "OnlyPicture", True),
            ("Mask", "Show", True),
        ],
    )
    def test_types_unions_and_wildcards(self, source: str, sink: str, *, fits: bool) -> None:
        found = faults(workflow(a=(source, {}), b=(sink, {"value": link("a")})))
        assert short(found) == ([] if fits else [("return_type_mismatch", "b", "value")])

    def test_a_mismatch_names_both_ends_and_what_would_fit(self) -> None:
        @node("Both")
        def both() -> Annotated[Any, Wire("MASK")]:
            return None

        found = faults(workflow(a=("Mask", {}), b=("OnlyPicture", {"value": link("a")})))[0]
        assert found.message == "It takes IMAGE; output 0 of node 'a' (Mask) gives MASK."
        assert found.details == {"received_type": "MASK", "linked_node": ["a", 0]}

    @pytest.mark.parametrize("slot", [-1, 1, 99])
    def test_slots_that_are_not_there(self, slot: int) -> None:
        found = faults(workflow(a=("Picture", {}), b=("OnlyPicture", {"value": link("a", slot)})))
        assert short(found) == [("bad_slot", "b", "value")]
        assert found[0].hint == "That node has 1 outputs, counted from 0."

    def test_a_value_where_only_a_link_will_do(self) -> None:
        assert short(faults(workflow(b=("OnlyPicture", {"value": "x"})))) == [("link_expected", "b", "value")]
        assert short(faults(workflow(b=("Forced", {"value": 1})))) == [("link_expected", "b", "value")]

    def test_an_input_the_node_does_not_have_is_passed_over(self) -> None:
        flow = workflow(a=("Fail", {}), b=("Show", {"value": 1, "old": link("a"), "older": 3}))
        found = validate(flow, REGISTRY)
        assert found.faults == ()
        assert (found.order, found.inputs) == (("b",), {"b": {"value": 1}})


class TestCycles:
    def test_itself(self) -> None:
        found = faults(workflow(a=("Add", {"a": link("a")}), out=("Show", {"value": link("a")})))
        assert short(found) == [("cycle", "a", "")]
        assert found[0].message == "The nodes feed each other in a circle: a -> a."

    def test_two(self) -> None:
        flow = workflow(a=("Add", {"a": link("b")}), b=("Add", {"a": link("a")}), out=("Show", {"value": link("a")}))
        assert [found.message for found in faults(flow)] == ["The nodes feed each other in a circle: a -> b -> a."]

    def test_long(self) -> None:
        size = 20_000
        nodes = {str(i): WorkflowNode("Add", {"a": link(str((i + 1) % size))}) for i in range(size)}
        nodes["out"] = WorkflowNode("Show", {"value": link("0")})
        found = faults(Workflow(nodes))
        assert len(found) == 1
        assert len(found[0].message) < 200
        assert len(found[0].details["nodes"]) == size

    def test_very_many(self) -> None:
        size = 3_000
        nodes = {"0": WorkflowNode("Number", {})}
        for i in range(1, size):
            nodes[str(i)] = WorkflowNode("Add", {"a": link(str(i - 1)), "b": link(str(min(i + 1, size - 1)))})
        nodes["out"] = WorkflowNode("Show", {"value": link(str(size - 1))})
        assert {found.code for found in faults(Workflow(nodes))} == {"cycle"}

    def test_through_shared_names(self) -> None:
        @node("AB", reads=("a",), writes=("b",))
        def ab(*, context: Context) -> int:
            return len(context.shared)

        @node("BA", reads=("b",), writes=("a",))
        def ba(*, context: Context) -> int:
            return len(context.shared)

        registry = Registry([*basics(), ab, ba])
        found = validate(workflow(x=("AB", {}), y=("BA", {}), out=("Show", {"value": link("x")})), registry)
        assert [fault.code for fault in found.faults] == ["cycle"]

    def test_where_no_output_needs_it_it_does_not_matter(self) -> None:
        assert faults(workflow(a=("Add", {"a": link("a")}), out=("Show", {"value": 1}))) == []


class TestTargets:
    def test_only_what_is_needed_is_checked(self) -> None:
        flow = workflow(bad=("Add", {"a": "x"}), a=("Number", {}), out=("Show", {"value": link("a")}))
        assert faults(flow) == []
        assert short(faults(flow, ["bad"])) == [("invalid_input_type", "bad", "a")]

    def test_a_node_that_nobody_knows_is_told_wherever_it_stands(self) -> None:
        found = faults(workflow(u=("Numbr", {}), out=("Show", {"value": 1})))
        assert short(found) == [("unknown_node", "u", "")]
        assert found[0].hint == "Did you mean Number or Numbers?"
        assert faults(workflow(u=("Qwertz", {}), out=("Show", {"value": 1})))[0].hint == "Install the pack that has it."

    def test_what_an_unknown_node_is_linked_to_is_checked(self) -> None:
        flow = workflow(a=("Add", {"a": "x"}), u=("Lost", {"value": link("a")}), out=("Show", {"value": link("u")}))
        assert [code for code, _, _ in short(faults(flow))] == ["unknown_node", "invalid_input_type"]

    def test_targets_below_a_fault_are_left_out(self) -> None:
        flow = workflow(
            bad=("Add", {"a": "x"}),
            below=("Show", {"value": link("bad")}),
            a=("Number", {}),
            out=("Show", {"value": link("a")}),
        )
        found = validate(flow, REGISTRY)
        assert (found.targets, found.order) == (("out",), ("a", "out"))

    def test_unknown_twice_and_none(self) -> None:
        flow = workflow(a=("Number", {}))
        assert short(faults(flow)) == [("no_outputs", "", "")]
        found = validate(flow, REGISTRY, ["a", "lost", "a"])
        assert short(list(found.faults)) == [("unknown_target", "", "")]
        assert found.faults[0].hint == "The ids are a."
        assert found.targets == ("a",)

    def test_a_target_need_not_be_an_output_node(self) -> None:
        assert validate(workflow(a=("Number", {})), REGISTRY, ["a"]).targets == ("a",)


class TestOwnChecks:
    def test_a_text_is_a_fault_and_true_is_none(self) -> None:
        found = faults(workflow(c=("Checked", {"value": 3})))
        assert [(f.code, f.message, f.input_name) for f in found] == [("custom_validation_failed", "3 is odd", "value")]
        assert faults(workflow(c=("Checked", {"value": 4}))) == []

    def test_it_is_not_asked_about_links_or_faulty_values(self) -> None:
        assert faults(workflow(a=("Number", {"value": 3}), c=("Checked", {"value": link("a")}))) == []
        assert short(faults(workflow(c=("Checked", {"value": "x"})))) == [("invalid_input_type", "c", "value")]

    def test_one_that_breaks_is_a_fault_of_its_node(self) -> None:
        found = faults(workflow(b=("BrokenCheck", {"value": 3}), c=("Checked", {"value": 3})))
        assert [f.node_id for f in found] == ["b", "c"]
        assert found[0].message.startswith("The node's own check failed: TypeError: ")


def test_choices_are_asked_for_once_a_validation() -> None:
    asked: list[str] = []

    def names(rest: str) -> list[str]:
        asked.append(rest)
        return ["a.png"]

    registry = Registry([widgets], sources={"files": ChoiceSource(names)})
    flow = workflow(**{f"w{i}": ("Widgets", GOOD) for i in range(5)})
    assert validate(flow, registry).faults == ()
    assert asked == ["a"]


def test_20000_nodes_of_types_that_nobody_knows() -> None:
    nodes = {str(i): WorkflowNode(f"Unknown{i}", {"x": Link(str(i - 1), 0)}) for i in range(20_000)}
    assert len(faults(Workflow(nodes))) == 20_001
