"""Layers of quantised models are taken back exactly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from tests.packs.conversion.models import as_openvino

from inhouse.packs.conversion.model import Draft
from inhouse.packs.conversion.openvino_layers import (
    attention_products,
    named_layers,
    quantised_layers,
    without_quantising,
)

nncf: Any = pytest.importorskip("nncf")
pytestmark = pytest.mark.filterwarnings("ignore")


def copied(draft: Draft, folder: Path) -> Draft:
    shutil.copytree(draft.folder, folder)
    return as_openvino(Draft(draft.source, folder, draft.serving, draft.format, opset=draft.opset))


def run(model: Any, row: Any) -> np.ndarray[Any, Any]:
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(dict(row))[0])


@pytest.mark.parametrize("kind", ["picture_draft", "text_draft"])
def test_with_all_of_them_back_the_model_answers_as_before(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    draft = copied(request.getfixturevalue(kind), tmp_path / "copy")
    read = openvino.Core().read_model
    original = read(draft.model)
    transformer = {"model_type": nncf.ModelType.TRANSFORMER} if kind == "text_draft" else {}
    quantised = nncf.quantize(read(draft.model), nncf.Dataset(draft.source.samples), subset_size=8, **transformer)
    layers = quantised_layers(quantised)
    row = draft.source.samples[9]
    wanted, rounded = run(original, row), run(quantised, row)
    assert len(layers) >= 4
    assert np.abs(wanted - rounded).max() > 1e-4
    np.testing.assert_allclose(run(without_quantising(quantised, original, layers), row), wanted, atol=1e-5)
    np.testing.assert_array_equal(run(without_quantising(quantised, original, ()), row), rounded)


def test_layers_have_the_names_that_their_authors_gave_and_products_of_attention_are_known(
    text_draft: Draft, tmp_path: Path
) -> None:
    model = openvino.Core().read_model(copied(text_draft, tmp_path / "copy").model)
    products = attention_products(model)
    assert len(products) == 2 * 3
    assert named_layers(model, products)[0] == "layers.0.attention"
