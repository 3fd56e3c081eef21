from typing import Annotated, Any

import pytest

from inhouse import Choices, Context, Registry, node
from inhouse.compat.admission import admit
from inhouse.compat.object_info import spec_from_object_info
from inhouse.compat.refusals import RefusedError, refused
from inhouse.engine.registry import ChoiceSource
from inhouse.errors import PathEscapeError


def _described(name: str, inputs: dict[str, Any], outputs: list[str], *, output_node: bool = False) -> Any:
    entry = {"input": {"required": inputs}, "output": outputs, "output_node": output_node}
    return spec_from_object_info(name, entry)


@pytest.fixture
def registry() -> Registry:
    """Return some nodes by their descriptions."""
    return Registry(
        [
            _described("Load", {"image": [["a.png"], {}]}, ["IMAGE"]),
            _described("Scale", {"image": ["IMAGE", {}], "by": ["FLOAT", {"min": 0, "max": 8}]}, ["IMAGE"]),
            _described("Save", {"images": ["IMAGE", {}]}, [], output_node=True),
        ],
        {"input": ChoiceSource(lambda _: ["a.png"], code="input_not_found")},
    )


def _refusal(registry: Registry, prompt: dict[str, Any]) -> Any:
    with pytest.raises(RefusedError) as caught:
        admit({"prompt": prompt}, registry)
    return caught.value.body


@node("Ours", output_node=True)
def ours(*, image: Annotated[str, Choices("input/images")]) -> str:
    """Load a picture."""
    return image


LOAD = {"class_type": "Load", "inputs": {"image": "a.png"}}


def _save(source: str) -> dict[str, Any]:
    return {"class_type": "Save", "inputs": {"images": [source, 0]}}


def test_says_which_outputs_a_fault_stands_in_the_way_of(registry: Registry) -> None:
    scale = {"class_type": "Scale", "inputs": {"image": ["1", 0], "by": 9}}
    prompt = {"1": LOAD, "2": scale, "3": _save("2"), "4": _save("2"), "5": _save("1")}
    admission = admit({"prompt": prompt}, registry)
    assert admission.targets == ("5",)
    assert admission.node_errors["2"]["dependent_outputs"] == ["3", "4"]
    (error,) = admission.node_errors["2"]["errors"]
    assert error["message"] == "Value 9.0 bigger than max of 8.0"
    assert error["extra_info"]["input_config"] == ["FLOAT", {"min": 0, "max": 8}]


def test_tells_what_might_have_been_meant(registry: Registry) -> None:
    body = _refusal(registry, {"1": {"class_type": "Lod", "inputs": {}}})
    assert body["error"]["extra_info"]["hint"] == "Did you mean Load?"
    body = _refusal(registry, {"1": {"class_type": "Load", "inputs": {"image": "b.png"}}, "2": _save("1")})
    assert "Did you mean 'a.png'?" in body["node_errors"]["1"]["errors"][0]["extra_info"]["hint"]


def test_a_file_that_is_not_there_is_told_as_the_node_itself_would(registry: Registry) -> None:
    registry.add([ours])
    body = _refusal(registry, {"1": {"class_type": "Ours", "inputs": {"image": "b.png"}}})
    (error,) = body["node_errors"]["1"]["errors"]
    assert (error["type"], error["details"]) == ("custom_validation_failed", "image - Invalid image file: b.png")
    assert error["extra_info"]["input_name"] == "image"


def test_a_literal_where_only_a_link_fits_is_no_value_of_that_type(registry: Registry) -> None:
    body = _refusal(registry, {"1": {"class_type": "Save", "inputs": {"images": "a.png"}}})
    (error,) = body["node_errors"]["1"]["errors"]
    assert error["message"] == "Failed to convert an input value to a IMAGE value"
    assert error["details"].startswith("images, a.png, ")


def test_a_circle_is_named(registry: Registry) -> None:
    scale = {"class_type": "Scale", "inputs": {"image": ["2", 0], "by": 1}}
    other = {"class_type": "Scale", "inputs": {"image": ["1", 0], "by": 1}}
    body = _refusal(registry, {"1": scale, "2": other, "3": _save("2")})
    assert body["error"]["details"] == "The nodes feed each other in a circle: 2 -> 1 -> 2"
    assert [error["type"] for error in body["node_errors"]["2"]["errors"]] == ["dependency_cycle"]


def test_a_choice_that_is_refused_for_a_reason_of_its_own_says_which(registry: Registry) -> None:
    def accepts(_kind: str, name: str) -> bool:
        raise PathEscapeError(f"{name} leaves its folder.", hint="Name a file in it.")

    there = registry.with_sources({"input": ChoiceSource(lambda _: ["a.png"], accepts=accepts)})
    there.add([ours])
    body = _refusal(there, {"1": {"class_type": "Ours", "inputs": {"image": "../b.png"}}})
    (error,) = body["node_errors"]["1"]["errors"]
    assert (error["type"], error["details"]) == ("value_not_in_list", "image: '../b.png' not in ['a.png']")
    assert error["extra_info"]["hint"] == "../b.png leaves its folder. Name a file in it."


def test_a_fault_that_comfyui_does_not_know_is_told_in_our_words(registry: Registry) -> None:
    @node("Shares", output_node=True, reads=("{name}",))
    def shares(*, name: str = "x", context: Context) -> None:
        """Read a shared name."""

    registry.add([shares])
    body = _refusal(registry, {"1": LOAD, "2": {"class_type": "Shares", "inputs": {"name": ["1", 0]}}})
    told = {error["type"]: error["message"] for error in body["node_errors"]["2"]["errors"]}
    assert told["shared_name_linked"].startswith("The shared name '{name}'")


def test_of_very_many_faults_the_first_are_told(registry: Registry) -> None:
    body = _refusal(registry, {str(i): {"class_type": "Save", "inputs": {}} for i in range(1000)})
    assert list(body["node_errors"]) == [str(i) for i in range(200)]


def test_says_in_one_line_what_it_answers_in_full() -> None:
    error = refused("invalid_number", "number is 'x'.", "here", hint="Give a number.", status=422)
    assert (str(error), error.status) == ("number is 'x'.: here", 422)
    assert error.body["error"]["extra_info"] == {"hint": "Give a number."}
    assert error.body["node_errors"] == {}
