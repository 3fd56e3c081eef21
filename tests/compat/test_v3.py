"""New-style nodes behave as their authors know it."""

from typing import Any

import pytest

from inhouse.compat.object_info import object_info
from inhouse.compat.v3 import read_v3
from inhouse.engine.events import NodeBlocked
from inhouse.errors import RegistryError


def n(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def test_a_node_runs_with_defaults_hidden_inputs_and_text_to_show(host: Any) -> None:
    prompt = {
        "1": n("T.Say", text="hi", times=2, mood="loud", shout=True),
        "2": n("T.Say", text="x", times=1, mood="calm", thing=["1", 1], extra=["1", 0]),
        "3": n("T.Sink", v=["1", 0]),
    }
    assert host.shown(prompt) == {
        "1": {"text": ("1: HI HI (loud, None, None)",)},
        "2": {"text": ("2: x (calm, 2, HI HI)",)},
        "3": {"value": ["HI HI"]},
    }


def test_faults_are_found_before_anything_runs(host: Any) -> None:
    assert host.faults({"1": n("T.Say", text="a", times=9, mood="sad")}) == [
        ("value_bigger_than_max", "times"),
        ("value_not_in_list", "mood"),
    ]
    assert host.faults({"1": n("T.Say", text="", times=1, mood="calm")}) == [("custom_validation_failed", "text")]
    linked = {"1": n("T.Issue"), "2": n("T.Say", text="a", times=1, mood="calm", thing=["1", 0])}
    assert ("return_type_mismatch", "thing") in host.faults(linked)


def test_own_types_lists_laziness_and_fingerprints(host: Any) -> None:
    prompt = {
        "1": n("T.Issue", n=7),
        "2": n("T.CheckTicket", ticket=["1", 0], stamp=["1", 1], strict=True),
        "3": n("T.Gather", v=["2", 0]),
    }
    assert host.shown(prompt)["3"]["list"] == [[7, 7]]
    assert host.shown(prompt)["3"]["list"] == [[7, 7]]
    assert "1" in host.started()


def test_a_lazy_input_that_is_not_wanted_does_not_run(host: Any) -> None:
    prompt = {
        "1": n("T.Issue", n=7),
        "9": n("T.Issue", n=9),
        "2": n("T.CheckTicket", ticket=["1", 0], stamp=["9", 1], strict=False),
        "3": n("T.Gather", v=["2", 0]),
    }
    host.shown(prompt)
    assert "9" not in host.started()


def test_blocked_outputs_tell_why(host: Any) -> None:
    prompt = {
        "1": n("T.Issue", n=7),
        "2": n("T.CheckTicket", ticket=["1", 0], strict=True),
        "3": n("T.Sink", v=["2", 0]),
    }
    assert host.shown(prompt) == {}
    assert [event.message for event in host.events if isinstance(event, NodeBlocked)] == ["No stamp."]


def test_an_expansion_runs_in_its_nodes_place(host: Any) -> None:
    prompt = {"1": n("T.Add", v=1, add=0), "2": n("T.Grow", v=["1", 0]), "3": n("T.Sink", v=["2", 0])}
    assert host.shown(prompt) == {"3": {"value": ["11"]}}
    assert "2.0.0.1" in host.started()


def test_a_node_describes_itself(host: Any) -> None:
    described = object_info(host.registry["T.Say"], host.registry)
    assert described == {
        "input": {
            "required": {
                "text": ["STRING", {"default": "hello", "multiline": True, "dynamicPrompts": True}],
                "times": ["INT", {"default": 1, "min": 1, "max": 5, "step": 1, "display": "slider"}],
                "mood": [
                    "COMBO",
                    {"default": "calm", "tooltip": "How.", "multiselect": False, "options": ["calm", "loud"]},
                ],
            },
            "optional": {
                "volume": ["FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.1, "round": 0.01}],
                "shout": ["BOOLEAN", {"default": False, "label_on": "yes", "label_off": "no"}],
                "thing": ["INT,STRING", {"forceInput": True}],
                "extra": ["*", {}],
            },
            "hidden": {"unique_id": ["UNIQUE_ID"], "prompt": ["PROMPT"]},
        },
        "input_order": {
            "required": ["text", "times", "mood"],
            "optional": ["volume", "shout", "thing", "extra"],
            "hidden": ["unique_id", "prompt"],
        },
        "output": ["STRING", "INT"],
        "output_is_list": [False, False],
        "output_name": ["said", "count"],
        "output_tooltips": ["", "How often."],
        "name": "T.Say",
        "display_name": "Say it",
        "description": "Says it.",
        "python_module": "custom_nodes.modern_pack",
        "category": "modern",
        "output_node": True,
        "deprecated": False,
        "experimental": True,
        "api_node": False,
    }


def test_a_class_without_execute_or_with_a_failing_schema_is_refused() -> None:
    def fail(_cls: object) -> object:
        raise ValueError("no schema")

    with pytest.raises(RegistryError, match="has no execute"):
        read_v3(type("A", (), {}))
    with pytest.raises(RegistryError, match="ValueError: no schema"):
        read_v3(type("A", (), {"execute": classmethod(fail), "define_schema": classmethod(fail)}))
