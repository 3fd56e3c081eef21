"""A workflow made elsewhere runs here: each node of ours that ComfyUI has, too, declares what ComfyUI's declares."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from inhouse import NodeSpec
from inhouse.compat.object_info import spec_from_object_info
from inhouse.engine.sockets import MISSING, InputSpec
from inhouse.plugins import build_registry, load_packs

ENTRIES: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "data" / "object_info.json.gz").read_bytes())
)
"""What a ComfyUI 0.3.64 answers for its own nodes, without descriptions."""

SHOWN = ("multiline", "dynamicPrompts", "control_after_generate", "forceInput", "display", "image_upload", "remote")
"""The options that change which widget a canvas makes, or which values a canvas file holds."""

TRAITS = ("category", "display_name", "output_node")
FLAGS = ("deprecated", "experimental")

SPECS = {spec.id: spec for spec in build_registry(load_packs(installed=False)) if spec.id in ENTRIES}


def differences(spec: NodeSpec, entry: dict[str, Any]) -> list[str]:
    """Return what a node declares otherwise than its description, one sentence each."""
    wanted = spec_from_object_info(spec.id, entry)
    found = told({trait: (getattr(spec, trait), getattr(wanted, trait)) for trait in TRAITS})
    found += told({flag: (bool(spec.flags.get(flag)), bool(wanted.flags.get(flag))) for flag in FLAGS})
    found += told({"order": (list(spec.inputs), list(wanted.inputs)), "outputs": (outputs(spec), outputs(wanted))})
    for name in spec.inputs.keys() & wanted.inputs.keys():
        found += [f"{name}: {text}" for text in input_differences(spec.inputs[name], wanted.inputs[name])]
    return found


def input_differences(ours: InputSpec, theirs: InputSpec) -> list[str]:
    pairs: dict[str, tuple[Any, Any]] = {
        "type": (str(ours.type), str(theirs.type)),
        "required": (ours.required, theirs.required),
        "default": (shown(ours.default), shown(theirs.default)),
        "range": (bounds(ours), bounds(theirs)),
        "lazy": (ours.lazy, theirs.lazy),
        **{key: (ours.options.get(key) or None, theirs.options.get(key) or None) for key in SHOWN},
    }
    if theirs.choices is not None and theirs.choices.source:
        dynamic = ours.choices is not None and isinstance(ours.choices.source, str)
        if not dynamic:
            pairs["choices"] = (ours.choices, theirs.choices)
    return told(pairs)


def told(pairs: dict[str, tuple[Any, Any]]) -> list[str]:
    return [f"{trait} is {ours!r}, not {theirs!r}" for trait, (ours, theirs) in pairs.items() if ours != theirs]


def outputs(spec: NodeSpec) -> list[tuple[str, str, bool]]:
    return [(output.name, str(output.type), output.is_list) for output in spec.outputs]


def shown(default: Any) -> Any:
    return "none" if default is MISSING else default


def bounds(declared: InputSpec) -> Any:
    limits = declared.range
    return None if limits is None else (limits.min, limits.max, limits.step)


@pytest.mark.parametrize("node_id", sorted(SPECS))
def test_a_node_declares_what_a_workflow_made_elsewhere_expects(node_id: str) -> None:
    assert differences(SPECS[node_id], ENTRIES[node_id]) == []


def test_a_difference_is_told() -> None:
    entry = json.loads(json.dumps(ENTRIES["ImageScale"]))
    entry["input"]["required"]["width"][1]["max"] = 8
    entry["input"]["required"]["crop"][0].append("left")
    entry["output_name"] = ["picture"]

    found = differences(SPECS["ImageScale"], entry)

    assert sorted(text.partition(" is ")[0] for text in found) == ["crop: choices", "outputs", "width: range"]
