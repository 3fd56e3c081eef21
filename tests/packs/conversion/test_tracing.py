"""What a model computes on its way."""

from dataclasses import replace

import pytest
from tests.packs.conversion.models import as_openvino

from inhouse.packs.conversion.bisection import first_bad
from inhouse.packs.conversion.model import Draft
from inhouse.packs.conversion.tracing import converted, layer_of, original


@pytest.mark.parametrize(
    ("node", "layer"),
    [
        ("/encoder/layer.0/attention/self/query/MatMul", "encoder.layer.0.attention.self.query"),
        ("__module.encoder.layer.0.dense/aten::linear/MatMul", "encoder.layer.0.dense.aten::linear"),
        ("/blocks/blocks.1/blocks.1.0/conv_pw/Conv", "blocks.1.0.conv_pw"),
        ("/Softmax", ""),
        ("Gemm_12", ""),
    ],
)
def test_a_node_says_of_which_layer_it_is(node: str, layer: str) -> None:
    assert layer_of(node) == layer


def test_a_module_is_watched_in_the_order_in_which_it_computes(text_draft: Draft) -> None:
    names = [point.name for point in original(text_draft.source, text_draft.source.samples[0])]
    wanted = ["embeddings", "layers.0.attention.query", "layers.0.attention.key", "layers.0.attention", "layers.2", ""]
    assert [name for name in names if name in wanted] == wanted


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_a_sound_conversion_has_every_layer(text_draft: Draft, picture_draft: Draft, kind: str) -> None:
    for draft in (text_draft, picture_draft):
        feeds = draft.source.samples[0]
        trace = converted(draft if kind == "onnx" else as_openvino(draft), feeds)
        assert trace is not None
        assert first_bad(original(draft.source, feeds), trace, 1e-3) == ""


def test_a_graph_is_its_own_original(picture_draft: Draft) -> None:
    source = replace(picture_draft.source, module=None, graph=picture_draft.model)
    points = original(source, source.samples[0])
    assert "/blocks/blocks.0/conv/Conv" in [point.name for point in points]
    trace = converted(picture_draft, source.samples[0])
    assert trace is not None
    assert first_bad(points, trace, 1e-3) == ""


def test_a_format_that_cannot_be_looked_into_is_left_alone(picture_draft: Draft) -> None:
    assert converted(replace(picture_draft, format="tensorrt"), picture_draft.source.samples[0]) is None
