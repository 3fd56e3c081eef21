"""Fewer bits, as far as the answers allow."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.packs.conversion.models import as_openvino

from inhouse.errors import AccuracyError, ConversionError, ModelUnsupportedError
from inhouse.packs.conversion.model import Draft, Metric
from inhouse.packs.conversion.quantising import quantise
from inhouse.packs.conversion.verifying import verify

pytestmark = pytest.mark.filterwarnings("ignore")
COSINE = Metric("cosine", 0.02)


@pytest.fixture
def texts(text_draft: Draft, tmp_path: Path) -> Draft:
    shutil.copytree(text_draft.folder, tmp_path / "copy")
    return replace(text_draft, folder=tmp_path / "copy")


@pytest.fixture
def pictures(picture_draft: Draft, tmp_path: Path) -> Draft:
    shutil.copytree(picture_draft.folder, tmp_path / "copy")
    return replace(picture_draft, folder=tmp_path / "copy")


@pytest.mark.parametrize("precision", ["bf16", "int8", "int4"])
def test_openvino_computes_in_fewer_bits_and_passes_the_comparison(texts: Draft, precision: str) -> None:
    metric = Metric("cosine", 0.05)
    made = quantise(as_openvino(texts), precision, metric)  # type: ignore[arg-type] # one of them
    assert made.precision == precision
    assert made.passes[-1].options["precision"] == precision
    assert made.model != as_openvino(texts).model
    assert all(check.passed for check in verify(made, metric, batch=4).checks)


def test_onnx_runtime_computes_in_integers_and_passes_the_comparison(texts: Draft) -> None:
    made = quantise(texts, "int8", Metric("cosine", 0.05))
    assert "at each call" in made.passes[-1].notes[0]
    assert all(check.passed for check in verify(made, Metric("cosine", 0.05), batch=4).checks)


def test_convolutions_have_their_ranges_from_calibration(pictures: Draft) -> None:
    made = quantise(pictures, "int8", Metric("top-1", 0.2))
    assert "from calibration" in made.passes[-1].notes[0]
    assert b"QuantizeLinear" in made.model.read_bytes()


def test_what_hurts_goes_back_and_is_named(texts: Draft) -> None:
    plain = as_openvino(texts)
    loose, tight = (quantise(plain, "int8", Metric("cosine", drop)) for drop in (0.5, 2e-4))
    assert loose.reverted == ()
    assert tight.reverted
    assert all(name.startswith(("layers.", "embeddings")) for name in tight.reverted)


def test_a_budget_that_cannot_be_kept_is_refused(texts: Draft) -> None:
    with pytest.raises(AccuracyError, match="bf16"):
        quantise(as_openvino(texts), "bf16", Metric("cosine", 1e-9))


def test_what_there_is_not_is_told(texts: Draft) -> None:
    assert quantise(texts, "fp32", COSINE) is texts
    with pytest.raises(ModelUnsupportedError, match="no bf16 for onnx") as caught:
        quantise(texts, "bf16", COSINE)
    assert "int8" in str(caught.value)
    with pytest.raises(ConversionError, match="no inputs"):
        quantise(replace(texts, source=replace(texts.source, samples=())), "int8", COSINE)
    with pytest.raises(ConversionError, match="already"):
        quantise(replace(texts, precision="int8"), "fp16", COSINE)
