import gzip
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest

from inhouse import Choices, Registry, Workflow, WorkflowNode, node
from inhouse.engine.validation import validate
from inhouse.errors import RegistryError, WorkerLostError
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.folders import layout_under
from inhouse.server.catalogue import NodeCatalogue
from inhouse.workers.base import PackDescription
from inhouse.workers.session import choice_sources

LONG_AGO = 1_000_000_000
ENTRY: dict[str, Any] = {
    "input": {
        "required": {
            "n": ["INT", {"default": 1, "min": 0, "max": 9}],
            "mode": [["fast", "good"]],
            "image": [["mine.png"], {"image_upload": True}],
            "wheel": ["WHEEL"],
        }
    },
    "output": ["INT"],
    "output_node": True,
}
INPUTS = {"n": 1, "mode": "fast", "image": "mine.png", "wheel": [1]}


@node("Pick")
def pick(*, model: Annotated[str, Choices("models/loras")], image: Annotated[str, Choices("input/images")]) -> str:
    """Return both."""
    return model + image


class Place:
    """A gateway's folders, and a catalogue over them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.answer: bool | str = True
        self.ann, self.ben = self.user("ann"), self.user("ben")
        self.lora("a.safetensors")
        self.models = ModelCatalogue(layout_under(root / "models"))
        self.own = Registry([pick], choice_sources(self.models, self.ann))

    def user(self, name: str) -> Folders:
        folders = Folders(self.root / "input" / name, self.root / "output" / name, self.root / "temp" / name)
        folders.input.mkdir(parents=True)
        (folders.input / f"{name}.png").touch()
        return folders

    def lora(self, name: str) -> None:
        path = self.root / "models" / "loras" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def check(self, node_id: str, inputs: Mapping[str, Any]) -> bool | str:
        self.asked.append((node_id, inputs))
        return self.answer

    def catalogue(self, *packs: PackDescription, **options: Any) -> NodeCatalogue:
        made = NodeCatalogue(self.own, self.models, self.check, **options)
        made.describe(packs)
        return made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def pack(name: str = "one", entry: Mapping[str, Any] = ENTRY, **traits: Any) -> PackDescription:
    return PackDescription(name, {"Theirs": entry}, **traits)


def faults(registry: Registry, **inputs: Any) -> list[tuple[str, str]]:
    found = validate(Workflow({"1": WorkflowNode("Theirs", {**INPUTS, **inputs})}), registry)
    return [(fault.code, fault.input_name) for fault in found.faults]


def listed(catalogue: NodeCatalogue, folders: Folders, node_id: str, name: str) -> Any:
    return json.loads(catalogue.object_info(folders))[node_id]["input"]["required"][name][0]


@pytest.fixture
def age(place: Place) -> Callable[[], None]:
    """Return what makes all that lies in the folders an hour old, as if nothing had been changed just now."""

    def make_old() -> None:
        for path in [place.root, *place.root.rglob("*")]:
            os.utime(path, (LONG_AGO, LONG_AGO))

    return make_old


def test_nodes_of_ours_and_of_packs_are_described_together(place: Place) -> None:
    info = json.loads(place.catalogue(pack()).object_info(place.ann))
    assert list(info) == ["Pick", "Theirs"]
    assert info["Pick"]["input"]["required"] == {"model": [["a.safetensors"]], "image": [["ann.png"]]}
    assert info["Theirs"]["input"]["required"]["n"] == ENTRY["input"]["required"]["n"]


def test_one_node_is_described_alone_and_an_unknown_one_is_nothing(place: Place) -> None:
    catalogue = place.catalogue(pack())
    whole = json.loads(catalogue.object_info(place.ann))
    for node_id in ("Pick", "Theirs"):
        assert json.loads(catalogue.node_info(node_id, place.ann)) == {node_id: whole[node_id]}
    assert catalogue.node_info("Nowhere", place.ann) == b"{}"


def test_the_compressed_description_says_the_same(place: Place) -> None:
    catalogue = place.catalogue(pack())
    assert gzip.decompress(catalogue.object_info(place.ann, compressed=True)) == catalogue.object_info(place.ann)


def test_everybody_sees_their_own_uploads_only(place: Place) -> None:
    (place.ann.input / "mine.png").touch()
    catalogue = place.catalogue(pack())
    assert listed(catalogue, place.ann, "Theirs", "image") == ["ann.png", "mine.png"]
    assert listed(catalogue, place.ben, "Theirs", "image") == ["ben.png"]
    assert faults(catalogue.registry_for(place.ann)) == []
    assert faults(catalogue.registry_for(place.ben)) == [("value_not_in_list", "image")]
    assert faults(catalogue.registry_for(place.ben), image="ben.png") == []


def test_nodes_of_packs_are_validated_here(place: Place) -> None:
    (place.ann.input / "mine.png").touch()
    registry = place.catalogue(pack()).registry_for(place.ann)
    assert faults(registry, n=10, mode="slow") == [("value_bigger_than_max", "n"), ("value_not_in_list", "mode")]
    assert place.asked == []


def test_a_check_of_a_pack_is_asked_where_the_pack_is(place: Place) -> None:
    (place.ann.input / "mine.png").touch()
    registry = place.catalogue(pack(checks={"Theirs": ["n", "mode"]})).registry_for(place.ann)
    assert faults(registry, n=100, mode="any") == []
    assert place.asked == [("Theirs", {"n": 100, "mode": "any"})]
    place.answer = "n is too much"
    assert faults(registry) == [("custom_validation_failed", "n, mode")]


def test_a_check_of_anything_is_asked_about_every_input(place: Place) -> None:
    registry = place.catalogue(pack(checks={"Theirs": ["*"]})).registry_for(place.ann)
    assert faults(registry) == []
    assert place.asked == [("Theirs", INPUTS)]


def test_files_added_are_seen_at_once(place: Place, age: Callable[[], None]) -> None:
    catalogue = place.catalogue()
    age()
    first = catalogue.object_info(place.ann)
    assert catalogue.object_info(place.ann) is first
    place.lora("sub/b.safetensors")
    assert listed(catalogue, place.ann, "Pick", "model") == ["a.safetensors", "sub/b.safetensors"]
    age()
    assert catalogue.object_info(place.ann) is not first
    (place.ann.input / "new.png").touch()
    assert listed(catalogue, place.ann, "Pick", "image") == ["ann.png", "new.png"]


def test_packs_described_anew_replace_those_before(place: Place) -> None:
    catalogue = place.catalogue(pack())
    catalogue.object_info(place.ann)
    catalogue.describe([PackDescription("two", {"Other": ENTRY}), PackDescription("three", problem="No module.")])
    assert list(json.loads(catalogue.object_info(place.ann))) == ["Pick", "Other"]
    assert [found.problem for found in catalogue.packs] == ["", "No module."]
    assert "Theirs" not in catalogue.registry_for(place.ann)


@pytest.mark.parametrize(("other", "node_id"), [("two", "Theirs"), ("inhouse", "Pick")])
def test_an_id_claimed_twice_is_an_error_that_names_both(place: Place, other: str, node_id: str) -> None:
    catalogue = place.catalogue(pack())
    twice = [pack(), PackDescription(other, {node_id: ENTRY})]
    with pytest.raises(RegistryError, match=f"Node id '{node_id}' is declared by pack '\\w*' and by '{other}'"):
        catalogue.describe(twice)
    assert list(json.loads(catalogue.object_info(place.ann))) == ["Pick", "Theirs"]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_choice_that_is_not_known_yet_is_asked_for(place: Place) -> None:
    (place.ann.input / "mine.png").touch()
    more = {**ENTRY, "input": {"required": {**ENTRY["input"]["required"], "mode": [["fast", "good", "best"]]}}}
    clock = Clock()
    catalogue = place.catalogue(pack(), renew=lambda: [pack(entry=more)], clock=clock)
    registry = catalogue.registry_for(place.ann)
    assert faults(registry, mode="best") == [("value_not_in_list", "mode")]  # it was asked this moment
    clock.now = 5
    assert faults(registry, mode="best") == []
    assert listed(catalogue, place.ann, "Theirs", "mode") == ["fast", "good", "best"]


def test_a_worker_that_is_gone_leaves_what_was_known(place: Place) -> None:
    def gone() -> list[PackDescription]:
        raise WorkerLostError("It died.")

    clock = Clock()
    catalogue = place.catalogue(pack(), renew=gone, clock=clock)
    clock.now = 100
    assert "Theirs" in json.loads(catalogue.object_info(place.ann))


def test_a_check_waits_for_a_worker_where_there_is_none(place: Place) -> None:
    def gone(_node_id: str, _inputs: Mapping[str, Any]) -> bool:
        raise WorkerLostError("It died.")

    (place.ann.input / "mine.png").touch()
    catalogue = NodeCatalogue(place.own, place.models, gone)
    catalogue.describe([pack(checks={"Theirs": ["n"]})])
    assert faults(catalogue.registry_for(place.ann), n=100) == []


def test_a_registry_is_had_without_asking_anybody(place: Place) -> None:
    def renew() -> list[PackDescription]:
        raise AssertionError

    clock = Clock()
    catalogue = place.catalogue(pack(), renew=renew, clock=clock)
    clock.now = 1000
    assert "Theirs" in catalogue.registry_for(place.ann)


def test_numbers_of_any_size_can_be_bounds(place: Place) -> None:
    entry = {"input": {"required": {"n": ["INT", {"max": 2**70}]}}, "output": []}
    catalogue = place.catalogue(pack(entry=entry))
    assert json.loads(catalogue.object_info(place.ann))["Theirs"]["input"]["required"]["n"][1] == {"max": 2**70}
