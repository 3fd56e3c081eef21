"""The pack as a whole."""

import json
from pathlib import Path

import pytest

from inhouse.compat.document import read_workflow
from inhouse.engine.validation import validate
from inhouse.packs.conversion import register_nodes, register_templates
from inhouse.plugins import build_registry, load_packs

TEMPLATES = sorted(register_templates().glob("*.json"))


def test_every_step_is_a_node() -> None:
    names = {spec.id for spec in register_nodes()}
    assert {"LoadModelSource", "ExportModel", "ShapeModel", "OptimizeModel", "QuantizeModel"} <= names
    assert {"ConvertFastest", "VerifyModel", "SaveArtifact"} <= names


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_is_a_workflow_without_faults(template: Path) -> None:
    registry = build_registry(load_packs(installed=False))
    validation = validate(read_workflow(template, registry), registry)
    assert validation.faults == ()
    kinds = {node["type"] for node in json.loads(template.read_text())["nodes"]}
    assert {"VerifyModel", "BenchModel", "PreviewImage", "PublishService"} <= kinds
