"""A converted model that answers differently is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.packs.conversion.models import as_openvino, with_flipped_layer

from inhouse.backends.sessions.registry import open_session
from inhouse.errors import AccuracyError, ConversionError, NodeInputError
from inhouse.models.artifact import open_artifact, verify_artifact
from inhouse.models.signing import Signer, Trust
from inhouse.packs.conversion import verifying
from inhouse.packs.conversion.model import Draft, Metric
from inhouse.packs.conversion.verifying import Budget, verify

COSINE, TOP_1 = Metric("cosine", 0.01), Metric("top-1", 0.01)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_sound_conversion_passes_at_every_batch_and_length(text_draft: Draft, precision: str) -> None:
    seen: list[tuple[float, float]] = []
    done = verify(as_openvino(text_draft, precision), COSINE, batch=8, progress=lambda *told: seen.append(told))
    assert all(check.passed for check in done.checks)
    cases = {check.case for check in done.checks}
    assert {"realistic", "batch 8", "tokens 1", "adversarial: zeros", "a row alone and in a batch"} <= cases
    assert {"axis batch", "axis tokens"} <= cases
    assert seen[-1][0] == seen[-1][1] > len(seen) - 3


def test_flipped_weights_are_caught_and_the_layer_is_named(text_draft: Draft, flipped: Path) -> None:
    draft = with_flipped_layer(text_draft, "layers.1.attention.value", flipped)
    with pytest.raises(AccuracyError, match=r"The first layer that differs is layers\.1\.attention\.value\.") as raised:
        verify(draft, COSINE, batch=4)
    assert raised.value.layer == "layers.1.attention.value"
    assert raised.value.as_dict()["layer"] == "layers.1.attention.value"
    assert any(getattr(check, "case", "") == "realistic" for check in raised.value.checks)


def test_a_class_that_is_another_one_is_caught(picture_draft: Draft, flipped: Path) -> None:
    with pytest.raises(AccuracyError) as raised:
        verify(with_flipped_layer(picture_draft, "head", flipped), TOP_1, batch=4)
    assert raised.value.layer == "head"


def test_an_axis_that_only_says_it_is_free_is_caught(text_draft: Draft) -> None:
    source = text_draft.source
    length = source.samples[1]["ids"].shape[1]
    session = open_session("onnxruntime", text_draft.model)
    run = session.run

    def rigid(feeds: Any) -> Any:
        if feeds["ids"].shape[1] != length:
            raise NodeInputError("The model does not take these tensors.")
        return run(feeds)

    session.run = rigid  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(verifying, "opened", lambda _: session)
        with pytest.raises(AccuracyError) as raised:
            verify(text_draft, COSINE, batch=2)
    failed = {check.case for check in raised.value.checks if not check.passed}  # type: ignore[attr-defined]
    assert {"tokens 1", "tokens 32", "axis tokens"} <= failed


def test_float32_is_not_let_lose_what_another_precision_may(text_draft: Draft) -> None:
    assert Budget.of(text_draft, COSINE).metric.max_drop == 1e-3
    assert Budget.of(as_openvino(text_draft, "bf16"), COSINE).metric.max_drop == 0.01
    assert Budget.of(text_draft, Metric("cosine", 1e-5)).metric.max_drop == 1e-5


def test_numbers_that_are_none_are_caught_where_the_original_has_some(picture_draft: Draft) -> None:
    source = picture_draft.source

    def original(feeds: Any) -> Any:
        answer = source.answer(feeds)
        return {name: array if np.isfinite(array).all() else array * 0 for name, array in answer.items()}

    draft = replace(picture_draft, source=replace(source, answer=original))
    assert all(check.passed for check in verify(draft, TOP_1, batch=2).checks)


def test_what_the_original_refuses_is_said_and_not_held_against_the_conversion(text_draft: Draft) -> None:
    source = text_draft.source

    def picky(feeds: Any) -> Any:
        if feeds["ids"].shape[1] == 1:
            raise ValueError("too short")
        return source.answer(feeds)

    done = verify(replace(text_draft, source=replace(source, answer=picky)), COSINE, batch=2)
    told = [check for check in done.checks if check.case == "tokens 1"]
    assert [check.informative for check in told] == [True]
    assert "too short" in told[0].metric


def test_without_inputs_nothing_is_proved(text_draft: Draft) -> None:
    with pytest.raises(ConversionError, match="--data"):
        verify(replace(text_draft, source=replace(text_draft.source, samples=[])), COSINE)


@pytest.mark.parametrize("layer", ["encoder.layer.2.attention.self.key", "encoder.layer.3.output.dense"])
def test_one_flipped_layer_of_minilm_is_caught_and_named(minilm_draft: Draft, flipped: Path, layer: str) -> None:
    with pytest.raises(AccuracyError) as raised:
        verify(with_flipped_layer(minilm_draft, f"encoder.{layer}", flipped), COSINE, batch=4)
    assert raised.value.layer == layer


@pytest.mark.parametrize("layer", ["_blocks.3._project_conv", "_blocks.8._depthwise_conv"])
def test_one_flipped_layer_of_efficientnet_is_caught_and_named(
    efficientnet_draft: Draft, flipped: Path, layer: str
) -> None:
    with pytest.raises(AccuracyError) as raised:
        verify(with_flipped_layer(efficientnet_draft, layer, flipped), TOP_1, batch=4)
    assert raised.value.layer == layer


def test_an_artifact_of_minilm_answers_what_the_original_does(
    minilm_draft: Draft, minilm_artifact: tuple[Path, Signer]
) -> None:
    folder, signer = minilm_artifact
    receipt = verify_artifact(folder, Trust(frozenset({signer.public})))
    told = {check.metric: check.value for check in receipt.checks if check.case == "realistic"}
    assert told["1 - cosine, worst"] < 1e-6
    assert receipt.served_with["max_batch"] == 8
    artifact = open_artifact(folder)
    assert (artifact.task, [field.name for field in artifact.fields_out]) == ("embeddings", ["embeddings"])
    assert minilm_draft.source.sha256 == receipt.source["sha256"]


def test_an_original_that_answers_no_numbers_is_told_as_such(text_draft: Draft) -> None:
    def nothing(feeds: Any) -> Any:
        return {name: array * np.nan for name, array in text_draft.source.answer(feeds).items()}

    draft = replace(text_draft, source=replace(text_draft.source, answer=nothing))
    with pytest.raises(ConversionError, match="itself answers no numbers"):
        verify(draft, COSINE, batch=2)


def test_an_original_that_answers_by_chance_is_told_as_such(text_draft: Draft) -> None:
    spread = np.random.default_rng(0)

    def noisy(feeds: Any) -> Any:
        return {
            name: array + spread.standard_normal(array.shape, dtype=np.float32)
            for name, array in text_draft.source.answer(feeds).items()
        }

    draft = replace(text_draft, source=replace(text_draft.source, answer=noisy))
    with pytest.raises(ConversionError, match="something else each time"):
        verify(draft, COSINE, batch=2)
