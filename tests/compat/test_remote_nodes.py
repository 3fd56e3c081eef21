import json
from collections.abc import Callable
from typing import Any

import pytest

from inhouse import Registry
from inhouse.compat.leniency import take_literals
from inhouse.compat.prompt import read_prompt
from inhouse.compat.remote_nodes import PACKS, SEPARATOR, RemoteNode, check, described
from inhouse.engine.registry import ChoiceSource
from inhouse.engine.validation import validate


@pytest.fixture
def told(host: Any) -> dict[str, Any]:
    """Return what is said of the packs, by name."""
    return {pack["name"]: pack for pack in described(host.nodes, host.registry)}


def test_packs_are_described_as_data(told: dict[str, Any]) -> None:
    pack = told["files_pack"]
    assert json.loads(json.dumps(pack["nodes"])) == pack["nodes"]
    assert pack["nodes"]["T.Pick"]["python_module"] == "custom_nodes.files_pack"
    assert pack["problem"] == ""
    assert [path.name for path in pack["watches"]] == ["toys", "input"]
    assert told["lists_pack"]["web"].name == "web"
    assert told["lists_pack"]["folder"].name == "lists_pack"
    assert told["numbers_pack"]["folder"] is None


def test_packs_that_cannot_be_loaded_are_told_with_the_reason(open_packs: Callable[[str], Any]) -> None:
    host = open_packs("broken_packs")
    found = {pack["name"]: pack["problem"] for pack in described(host.nodes, host.registry)}
    assert "a_package_that_nobody_has" in found["needs_missing"]
    assert "'B.Bad'" in found["half"]
    assert "'B.Worse'" in found["half"]


def test_a_node_is_validated_elsewhere_as_it_is_here(host: Any, told: dict[str, Any]) -> None:
    """Every node of every pack, with nothing given and with nonsense given."""
    nodes = [
        RemoteNode(node_id, pack["name"], entry, pack["checks"].get(node_id, ()))
        for pack in told.values()
        for node_id, entry in pack["nodes"].items()
    ]

    def listed(rest: str) -> Any:
        node_id, _, name = rest.partition(SEPARATOR)
        return host.registry.choices(host.registry[node_id].inputs[name].choices)

    specs = [node.spec(lambda node_id, inputs: check(host.registry, node_id, inputs)) for node in nodes]
    there = Registry(take_literals(specs, [host.registry["Core"]]), {PACKS: ChoiceSource(listed)})
    for spec in specs:
        for value in (None, -1, 3, "nonsense", True):
            inputs = {} if value is None else dict.fromkeys(spec.inputs, value)
            workflow = read_prompt({"1": {"class_type": spec.id, "inputs": inputs}})
            ours = [str(fault) for fault in validate(workflow, host.registry, ["1"]).faults]
            theirs = [str(fault) for fault in validate(workflow, there, ["1"]).faults]
            assert theirs == ours, (spec.id, value)


def test_a_check_that_fails_says_so(host: Any) -> None:
    assert check(host.registry, "T.Say", {}) is True
    assert check(host.registry, "Nowhere", {}) is True
