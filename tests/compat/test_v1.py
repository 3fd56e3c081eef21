"""Old-style nodes behave as their authors know it."""

from pathlib import Path
from typing import Any

import pytest

from inhouse import Failure
from inhouse.compat.object_info import object_info
from inhouse.compat.v1 import read_v1
from inhouse.engine.control import Control
from inhouse.engine.events import NodeBlocked, NodeProgress
from inhouse.errors import RegistryError


def n(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def failure(result: Any) -> Failure:
    (found,) = result.failures
    assert isinstance(found, Failure)
    return found


def test_a_chain_runs_and_only_what_changed_runs_again(host: Any) -> None:
    chain = {"1": n("T.Add", v=402, add=1), "2": n("T.Add", v=["1", 0], add=2), "3": n("T.Sink", v=["2", 0])}
    assert host.shown(chain) == {"3": {"value": ["405"]}}
    assert host.run(chain).cached == ("3",)
    assert host.shown({**chain, "2": n("T.Add", v=["1", 0], add=3)}) == {"3": {"value": ["406"]}}
    assert host.started() == ["2", "3"]


def test_missing_optional_inputs_take_the_functions_defaults(host: Any) -> None:
    assert host.shown({"1": n("T.Typed", v=3, nonsense=9)}) == {"1": {"got": [3, 0.5, True, ""]}}


def test_values_are_read_as_their_types(host: Any) -> None:
    prompt = {"1": n("T.Typed", v="5", opt="0.25", flag=0, s=17)}
    assert host.shown(prompt) == {"1": {"got": [5, 0.25, False, "17"]}}


def test_lists_are_mapped_gathered_and_walked_in_step(host: Any) -> None:
    prompt = {
        "1": n("T.MakeList", n=3),
        "2": n("T.Add", v=["1", 0], add=422),
        "3": n("T.Sink", v=["2", 0]),
        "4": n("T.Gather", v=["2", 0]),
        "5": n("T.MakeList", n=2),
        "6": n("T.Pair", a=["1", 0], b=["5", 0]),
    }
    assert host.shown(prompt) == {
        "3": {"value": ["422", "423", "424"]},
        "4": {"list": [[422, 423, 424]], "me": ["4"]},
        "6": {"pairs": [[0, 0], [1, 1], [2, 1]]},
    }


@pytest.mark.parametrize(
    ("share", "ran"), [(0.0, ["1", "3", "4"]), (1.0, ["2", "3", "4"]), (0.5, ["1", "2", "3", "4"])]
)
def test_lazy_inputs_run_only_if_asked_for(host: Any, share: float, ran: list[str]) -> None:
    prompt = {
        "1": n("T.Add", v=1, add=0),
        "2": n("T.Add", v=3, add=0),
        "3": n("T.Mix", share=share, a=["1", 0], b=["2", 0]),
        "4": n("T.Sink", v=["3", 0]),
    }
    assert host.shown(prompt) == {"4": {"value": [str(1 * (1 - share) + 3 * share)]}}
    assert sorted(host.started()) == ran


def test_a_lazy_input_of_a_node_that_never_asks_is_computed(host: Any) -> None:
    prompt = {"1": n("T.Add", v=1, add=1), "2": n("T.Eager", a=["1", 0]), "3": n("T.Sink", v=["2", 0])}
    assert host.shown(prompt) == {"3": {"value": ["2"]}}


def test_an_expansion_runs_in_its_nodes_place(host: Any) -> None:
    prompt = {
        "1": n("T.Add", v=1, add=0),
        "3": n("T.Sum", v=["1", 0], times=3),
        "4": n("T.Sink", v=["3", 0]),
        "5": n("T.Sink", v=["3", 1]),
    }
    assert host.shown(prompt) == {"4": {"value": ["4"]}, "5": {"value": ["as text"]}}
    assert {"3.0.0.1", "3.0.0.2", "3.0.0.3"} <= set(host.started())


def test_mapped_expansions_have_ids_of_their_own(host: Any) -> None:
    prompt = {"1": n("T.MakeList", n=3), "2": n("T.Sum", v=["1", 0], times=1), "3": n("T.Gather", v=["2", 0])}
    assert host.shown(prompt)["3"]["list"] == [[1, 2, 3]]
    assert {"2.0.0.1", "2.1.0.1", "2.2.0.1"} <= set(host.started())


@pytest.mark.parametrize("rounds", [1, 2, 30])
def test_a_while_loop_of_expansions_runs_to_its_end(host: Any, rounds: int) -> None:
    prompt = {
        "1": n("T.Add", v=rounds, add=0),
        "2": n("T.WhileOpen", condition=True, value=["1", 0]),
        "3": n("T.Add", v=["2", 1], add=-1),
        "4": n("T.Positive", v=["3", 0]),
        "5": n("T.WhileClose", flow=["2", 0], condition=["4", 0], value=["3", 0]),
        "6": n("T.Sink", v=["5", 0]),
    }
    assert host.shown(prompt) == {"6": {"value": ["0"]}}
    assert ("5.0.0.Recurse" in host.started()) == (rounds > 1)
    assert host.run(prompt).cached[-1] == "6"


def test_an_expansion_that_is_no_graph_is_a_failure_that_says_so(host: Any) -> None:
    result = host.run({"1": n("T.Astray"), "2": n("T.Sink", v=["1", 0])})
    assert "no graph" in str(failure(result).error)


@pytest.mark.parametrize(
    ("how", "shown", "told"),
    [("pass", ["1", "1"], []), ("silent", ["1"], []), ("loud", ["1"], ["Not today."]), ("all", [], [])],
)
def test_a_blocker_stops_consumers_and_not_the_run(host: Any, how: str, shown: list[str], told: list[str]) -> None:
    prompt = {"1": n("T.Block", v=1, how=how), "2": n("T.Sink", v=["1", 0]), "3": n("T.Sink", v=["1", 1])}
    assert [text for ui in host.shown(prompt).values() for text in ui["value"]] == shown
    assert [event.message for event in host.events if isinstance(event, NodeBlocked)] == told


def test_a_node_whose_state_changes_always_runs_on_the_same_instance(host: Any) -> None:
    prompt = {"1": n("T.Counter", v=1), "2": n("T.Sink", v=["1", 0])}
    assert [host.shown(prompt)["2"]["value"] for _ in range(3)] == [["1"], ["2"], ["3"]]
    other = {"9": n("T.Counter", v=1), "2": n("T.Sink", v=["9", 0])}
    assert host.shown(other)["2"]["value"] == ["1"]


def test_is_changed_decides_whether_a_result_is_used_again(host: Any) -> None:
    prompt = {"1": n("T.Keyed", version="x", v=1), "2": n("T.Sink", v=["1", 0])}
    cls = host.nodes.classes["T.Keyed"]
    assert [host.shown(prompt)["2"]["value"] for _ in range(2)] == [["1"], ["1"]]
    cls.seen = "b"
    assert [host.shown(prompt)["2"]["value"] for _ in range(2)] == [["2"], ["2"]]


def test_a_node_that_is_not_idempotent_is_run_at_each_place(host: Any) -> None:
    prompt = {"1": n("T.Dice"), "2": n("T.Dice"), "3": n("T.Pair", a=["1", 0], b=["2", 0])}
    assert host.shown(prompt)["3"]["pairs"] in ([[1, 2]], [[2, 1]])


def test_hidden_inputs_tell_the_node_about_itself(host: Any) -> None:
    prompt = {"7": n("T.Reveal")}
    result = host.engine.run(_with_canvas(prompt))
    assert result.outputs["7"] == {
        "unique_id": ["7"],
        "prompt": [{"7": {"class_type": "T.Reveal", "inputs": {}}}],
        "extra_pnginfo": [{"workflow": {"x": 1}}],
        "dynprompt_type": ["DynamicPrompt"],
        "node": [{"class_type": "T.Reveal", "inputs": {}}],
        "token": [None],
    }
    assert host.shown({"8": n("T.Reveal")})["8"]["extra_pnginfo"] == [None]


def test_asynchronous_nodes_run_side_by_side(host: Any) -> None:
    prompt = {"1": n("T.Meet", v=1), "2": n("T.Meet", v=2), "3": n("T.Pair", a=["1", 0], b=["2", 0])}
    assert host.shown(prompt) == {"3": {"pairs": [[1, 2]]}}


@pytest.mark.parametrize(("kind", "said"), [("T.Raises", "ValueError: failure v=7"), ("T.AsyncRaises", "asynchronous")])
def test_an_exception_names_its_node_and_the_rest_still_runs(host: Any, kind: str, said: str) -> None:
    inputs = {"v": 7} if kind == "T.Raises" else {}
    result = host.run({"2": n(kind, **inputs), "3": n("T.Sink", v=["4", 0]), "4": n("T.Add", v=1, add=1)})
    assert result.status == "error"
    assert failure(result).node_id == "2"
    assert said in str(failure(result).error)
    assert result.outputs["3"] == {"value": ["2"]}


def test_progress_is_reported_and_the_run_can_be_stopped_there(host: Any) -> None:
    prompt = {"1": n("T.Loop", steps=4)}
    assert host.shown(prompt) == {"1": {"done": [4]}}
    told = [event for event in host.events if isinstance(event, NodeProgress)]
    assert [(event.value, event.total) for event in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [event.preview is None for event in told] == [True, True, True, False]
    preview = told[-1].preview
    assert callable(preview)
    assert preview().shape == (8, 16, 3)
    control = Control()
    seen: list[float] = []

    def stop_at_two(event: object) -> None:
        if isinstance(event, NodeProgress):
            seen.append(event.value)
            if event.value == 2:
                control.interrupt()

    result = host.engine.run(_with_canvas({"1": n("T.Loop", steps=5)}), emit=stop_at_two, control=control)
    assert (result.status, seen) == ("interrupted", [1, 2])


def test_one_value_without_a_tuple_is_taken_as_it_is_meant(host: Any) -> None:
    assert host.shown({"1": n("T.Forgetful"), "2": n("T.Sink", v=["1", 0])}) == {"2": {"value": ["7"]}}


def test_a_node_describes_itself(host: Any) -> None:
    described = object_info(host.registry["T.Add"], host.registry)
    assert described["display_name"] == "Add two"
    assert described["input"]["required"]["add"] == ["INT", {"default": 1, "min": -1000, "max": 1000}]
    assert described["output_name"] == ["sum"]
    assert (described["category"], described["description"]) == ("numbers", "Adds.")
    assert described["python_module"] == "custom_nodes.numbers_pack"
    assert object_info(host.registry["T.Sink"], host.registry)["deprecated"]
    assert object_info(host.registry["T.Reveal"], host.registry)["experimental"]


def test_choices_are_listed_anew(host: Any, tmp_path: Path) -> None:
    toys = tmp_path / "models" / "toys"
    prompt = {"1": n("T.Pick", toy="bear.txt", size=2)}
    assert host.faults(prompt) == [("value_not_in_list", "toy")]
    toys.mkdir(parents=True)
    (toys / "bear.txt").touch()
    assert host.shown(prompt) == {"1": {"path": [str(toys / "bear.txt")], "size": [2]}}
    assert host.faults({"1": n("T.Pick", toy="bear.txt", size=3)}) == [("value_not_in_list", "size")]


def test_inputs_that_a_node_checks_itself_are_left_to_it(host: Any) -> None:
    assert host.shown({"1": n("T.Check", name="new", n=99, m=1)}) == {"1": {"name": ["new"]}}
    assert host.faults({"1": n("T.Check", name="bad", n=1, m=1)}) == [("custom_validation_failed", "name, n")]
    assert host.faults({"1": n("T.Check", name="new", n=13, m=1)}) == [("custom_validation_failed", "name, n")]
    assert host.faults({"1": n("T.Check", name="new", n=1, m=99)}) == [("value_bigger_than_max", "m")]


def test_a_node_may_look_at_types_itself_and_take_values_of_its_own_widget(host: Any) -> None:
    prompt = {"1": n("T.Add", v=1, add=1), "2": n("T.AnyPicture", x=["1", 0], colour={"h": 120})}
    assert host.shown(prompt) == {"2": {"got": [2, {"h": 120}]}}
    info = object_info(host.registry["T.AnyPicture"], host.registry)
    assert info["input"]["required"] == {"x": ["IMAGE"], "colour": ["COLOUR_WHEEL"]}


def test_a_node_may_build_on_one_of_the_host(host: Any) -> None:
    assert host.shown({"1": n("T.Knows", v=4), "2": n("T.Sink", v=["1", 0])}) == {"2": {"value": ["9"]}}


@pytest.mark.parametrize("missing", ["INPUT_TYPES", "FUNCTION", "go"])
def test_a_class_that_lacks_what_every_node_has_is_refused(missing: str) -> None:
    members = {"INPUT_TYPES": classmethod(lambda _cls: {}), "FUNCTION": "go", "go": lambda _self: ()}
    del members[missing]
    with pytest.raises(RegistryError, match="no INPUT_TYPES, or no method"):
        read_v1("X", type("X", (), members))


def test_inputs_that_are_no_mapping_are_refused() -> None:
    members = {"INPUT_TYPES": classmethod(lambda _cls: []), "FUNCTION": "go", "go": lambda _self: ()}
    with pytest.raises(RegistryError, match="returns a list"):
        read_v1("X", type("X", (), members))


def _with_canvas(prompt: dict[str, Any]) -> Any:
    from inhouse.compat.prompt import read_prompt

    return read_prompt(prompt, {"workflow": {"x": 1}})
