from typing import Annotated, Any

import pytest

from inhouse import Choices, Engine, Image, Output, Range, Registry, Widget, Workflow, WorkflowNode, node
from inhouse.compat.object_info import object_info, spec_from_object_info

Entry = dict[str, Any]


def comparable(entry: Entry) -> Entry:
    """Return an entry without what is not in every description, and with every input as ``[type, options]``."""
    inputs = {
        section: {
            name: given if section == "hidden" else [given[0], given[1] if len(given) > 1 else {}]
            for name, given in items.items()
        }
        for section, items in entry["input"].items()
    }
    rest = {key: value for key, value in entry.items() if key not in ("description", "python_module")}
    return {**rest, "input": inputs, "display_name": entry["display_name"] or entry["name"]}


def test_every_entry_of_a_server_is_written_as_it_was_read(entries: dict[str, Entry], registry: Registry) -> None:
    for node_id, entry in entries.items():
        if node_id != "SamplerER_SDE":  # an old-style node with a new-style combo; ours is written in the old style
            written = object_info(registry[node_id], registry)
            assert comparable(written) == comparable(entry)
            order = entry.get("input_order", written["input_order"])
            assert [list(items) for items in written["input"].values()] == list(order.values())


def test_our_own_node_is_described_as_clients_expect() -> None:
    @node("Tint", category="image", display_name="Tint it", output_node=True, hidden={"prompt": "PROMPT"})
    def tint(
        *,
        image: Image,
        mode: Annotated[str, Choices("modes")],
        strength: Annotated[float, Range(0, 1, step=0.1)] = 0.5,
        note: Annotated[str | None, Widget({"multiline": True})] = None,
    ) -> Annotated[Image, Output("tinted", "The picture.")]:
        """Tint a picture."""
        assert mode or strength or note
        return image

    described = object_info(tint, Registry([tint]))
    assert described == {
        "input": {
            "required": {
                "image": ["IMAGE"],
                "mode": [[]],
                "strength": ["FLOAT", {"default": 0.5, "min": 0, "max": 1, "step": 0.1}],
            },
            "optional": {"note": ["STRING", {"multiline": True}]},
            "hidden": {"prompt": "PROMPT"},
        },
        "input_order": {"required": ["image", "mode", "strength"], "optional": ["note"], "hidden": ["prompt"]},
        "output": ["IMAGE"],
        "output_is_list": [False],
        "output_name": ["tinted"],
        "output_tooltips": ["The picture."],
        "name": "Tint",
        "display_name": "Tint it",
        "description": "Tint a picture.",
        "python_module": "nodes",
        "category": "image",
        "output_node": True,
    }


def test_a_node_known_only_by_its_description_validates_and_says_so_when_it_runs() -> None:
    entry = {"input": {"required": {"n": ["INT", {"default": 1, "min": 0}]}}, "output": [], "output_node": True}
    spec = spec_from_object_info("Elsewhere", entry)
    with Engine(Registry([spec])) as engine:
        result = engine.run(Workflow({"1": WorkflowNode("Elsewhere", {"n": 1})}))
    assert "known only by its description" in str(result.failures[0].error)


@pytest.mark.parametrize("given", ["IMAGE", ["IMAGE"], ["IMAGE", None], ("IMAGE", {})])
def test_a_sparse_description_is_enough(given: Any) -> None:
    spec = spec_from_object_info("A", {"input": {"optional": {"x": given}}, "output": [["a", "b"], "*"]})
    assert str(spec.inputs["x"].type) == "IMAGE"
    assert [output.name for output in spec.outputs] == ["COMBO", "*"]
