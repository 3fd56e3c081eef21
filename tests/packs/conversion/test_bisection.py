"""Where a converted model goes wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.packs.conversion.models import as_openvino, with_flipped_layer

from inhouse.packs.conversion.bisection import blamed, first_bad
from inhouse.packs.conversion.model import Draft
from inhouse.packs.conversion.tracing import Point, Print, Trace

LAYERS = [
    "embeddings",
    "layers.0.attention.query",
    "layers.1.attention.key",
    "layers.1.attention.value",
    "layers.2.dense",
]


def print_of(*numbers: float) -> Print:
    return Print.of(np.array(numbers))


@pytest.mark.parametrize("layer", LAYERS[1:])
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_the_layer_with_flipped_weights_is_named(text_draft: Draft, flipped: Path, layer: str, kind: str) -> None:
    draft = with_flipped_layer(text_draft, layer, flipped)
    draft = draft if kind == "onnx" else as_openvino(draft)
    assert blamed(draft, draft.source.samples[0], 1e-3) == layer


@pytest.mark.parametrize("layer", ["stem", "blocks.0.conv", "blocks.2.conv", "head"])
def test_a_convolution_is_named_although_its_normalisation_was_folded_into_it(
    picture_draft: Draft, flipped: Path, layer: str
) -> None:
    draft = with_flipped_layer(picture_draft, layer, flipped)
    assert blamed(draft, draft.source.samples[0], 1e-3) == layer


def test_of_a_graph_the_node_is_named(picture_draft: Draft, flipped: Path) -> None:
    draft = with_flipped_layer(picture_draft, "blocks.1.conv", flipped)
    source = replace(draft.source, module=None, graph=picture_draft.model)
    assert blamed(replace(draft, source=source), source.samples[0], 1e-3) == "/blocks/blocks.1/conv/Conv"


def test_what_was_fused_is_named_by_what_it_is_a_part_of() -> None:
    points = [
        Point("a.query", print_of(1, 2), {2}),
        Point("a.key", print_of(3, 4), {2}),
        Point("a", print_of(5, 6), {3}),
        Point("b", print_of(7, 8)),
    ]
    assert first_bad(points, Trace((print_of(5, 6), print_of(7, 8)), frozenset({"a", "b"})), 0.1) == ""
    assert first_bad(points, Trace((print_of(0, 6), print_of(0, 8)), frozenset({"a", "b"})), 0.1) == "a"


def test_a_model_that_cannot_be_looked_into_blames_nobody(picture_draft: Draft, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    draft = replace(picture_draft, folder=tmp_path)
    assert blamed(draft, draft.source.samples[0], 1e-3) == ""
