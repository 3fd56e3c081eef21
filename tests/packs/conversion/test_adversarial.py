"""What a converted model is asked."""

from dataclasses import replace

import numpy as np
import pytest
from tests.packs.conversion.models import pictures, texts

from inhouse.packs.conversion.adversarial import Examiner, for_calibration, held_out, stacked
from inhouse.packs.conversion.model import SourceModel


def examiner(source: SourceModel, batch: int = 8, **declared: tuple[int | str, ...]) -> Examiner:
    shapes = {spec.name: (np.dtype(spec.dtype), declared.get(spec.name, spec.shape)) for spec in source.inputs}
    return Examiner(source, shapes, batch)


def test_calibration_sees_nothing_that_is_compared() -> None:
    samples = texts().samples
    seen, kept = for_calibration(samples), held_out(samples)
    assert len(seen) + len(kept) == len(samples)
    assert not {id(row) for row in seen} & {id(row) for row in kept}
    assert held_out(samples[:8]) == for_calibration(samples[:8]) == samples[:8]


def test_every_batch_and_length_is_asked_at() -> None:
    cases = {q.case: q for q in (*examiner(texts()).realistic(), *examiner(texts()).lengths())}
    assert {"realistic", "batch 2", "batch 3", "batch 7", "batch 8"} <= set(cases)
    assert {"tokens 1", "tokens 2", "tokens 32", "tokens of several lengths"} <= set(cases)
    assert cases["batch 7"].calls[0]["ids"].shape[0] == 7
    assert cases["tokens 32"].calls[0]["ids"].shape == (1, 32)


def test_inputs_that_find_faults_stay_what_the_model_can_take() -> None:
    source = texts()
    asked = {question.case: question.calls[0] for question in examiner(source).adversarial()}
    for feeds in asked.values():
        assert feeds["ids"].dtype == np.int64
        assert feeds["ids"].min() >= 0
        assert feeds["ids"].max() < 50
    assert asked["adversarial: all padding but one"]["attention_mask"].sum() == 1
    assert "adversarial: denormals" not in asked
    numbers = {question.case: question.calls[0]["images"] for question in examiner(pictures()).adversarial()}
    assert 0 < np.abs(numbers["adversarial: denormals"]).max() < 1e-38
    assert np.abs(numbers["adversarial: large values"]).max() == 48


def test_shorter_rows_are_padded_and_the_mask_says_so() -> None:
    rows, batch = examiner(texts()).mixed() or ([], {})
    assert len({row["ids"].shape[1] for row in rows}) > 1
    for number, row in enumerate(rows):
        length = row["ids"].shape[1]
        assert batch["attention_mask"][number].sum() == length
        assert (batch["ids"][number, :length] == row["ids"][0]).all()


def test_without_a_mask_nothing_is_padded() -> None:
    rows = [{"x": np.ones((1, 3, 5))}, {"x": np.ones((1, 3, 4))}]
    assert stacked(rows)["x"].shape == (2, 3, 4)


def test_what_is_fixed_is_asked_at_no_other_length() -> None:
    fixed = examiner(pictures(), images=(4, 3, 16, 16))
    assert fixed.batches == (4,)
    assert fixed.axes == {}
    asked = [feeds for question in (*fixed.realistic(), *fixed.adversarial()) for feeds in question.calls]
    assert {feeds["images"].shape for feeds in asked} == {(4, 3, 16, 16)}


@pytest.mark.parametrize(("nbytes", "rows"), [(10**6, 256), (10**9, 25), (10**12, 8)])
def test_large_models_are_asked_fewer_rows(nbytes: int, rows: int) -> None:
    assert len(examiner(replace(texts(800), nbytes=nbytes)).rows) == rows
