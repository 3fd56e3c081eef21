"""What a service of a converted model takes and gives."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.packs.conversion.models import pictures, texts

from inhouse.compat.document import read_workflow
from inhouse.engine.validation import validate
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.pipelines import LABELS, TOKENIZER, Service, service_of
from inhouse.plugins import build_registry, load_packs

REGISTRY = build_registry(load_packs(installed=False))
PREPARED = {"size": 16, "resize": 18, "mean": [127.0] * 3, "std": [128.0] * 3, "filter": "bicubic"}


def service(source: SourceModel, **changes: Any) -> Service:
    changed = replace(source, **changes)
    return service_of(changed, changed.inputs, changed.outputs)


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        (texts(8), {"assets": {TOKENIZER: Path("t")}}),
        (texts(8), {"task": "text-classification", "assets": {TOKENIZER: Path("t"), LABELS: Path("l")}}),
        (pictures(8), {"facts": PREPARED, "assets": {LABELS: Path("l")}}),
        (texts(8), {"task": "tensors"}),
    ],
)
def test_every_pipeline_is_a_workflow_without_faults(source: SourceModel, changes: dict[str, Any]) -> None:
    import json

    document = json.dumps(service(source, **changes).pipeline).encode()
    assert validate(read_workflow(document, REGISTRY), REGISTRY).faults == ()


def test_embeddings_take_texts_and_give_vectors() -> None:
    made = service(texts(8), assets={TOKENIZER: Path("t")})
    assert [(field.name, field.kind, field.rows) for field in made.fields_in] == [("texts", "text", True)]
    assert [(field.name, field.kind, field.dtype) for field in made.fields_out] == [("embeddings", "tensor", "float32")]


def test_pictures_are_prepared_as_the_model_was_trained() -> None:
    made = service(pictures(8), facts=PREPARED, assets={LABELS: Path("l")})
    nodes = {node["class_type"]: node["inputs"] for node in made.pipeline.values()}
    assert nodes["ResizeImages"]["size"] == 18
    assert nodes["ResizeImages"]["crop"] == 16
    assert nodes["ScalePixels"]["mean"] == "127, 127, 127"
    assert nodes["NamedTensor"]["name"] == "images"
    assert [field.kind for field in (*made.fields_in, *made.fields_out)] == ["image", "labels"]


def test_missing_labels_are_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        service(pictures(8), facts=PREPARED)
    assert "--labels" in caplog.text


def test_a_model_that_lacks_what_its_task_needs_is_served_as_tensors(caplog: pytest.LogCaptureFixture) -> None:
    made = service(texts(8))
    assert "tokenizer.json" in caplog.text
    assert [(field.name, field.kind) for field in made.fields_in] == [("ids", "tensor"), ("attention_mask", "tensor")]
    assert made.fields_in[0].shape == ("tokens",)
    assert [field.name for field in made.fields_out] == ["answer"]
