"""What quantising is judged by."""

from __future__ import annotations

from contextlib import closing

import numpy as np
from tests.packs.conversion.models import pictures, texts

from inhouse.backends.sessions.fake import FakeSession
from inhouse.packs.conversion.adversarial import held_out
from inhouse.packs.conversion.calibration import Calibration, Judge, stacked
from inhouse.packs.conversion.model import Draft, Metric
from inhouse.packs.conversion.verifying import opened


def test_no_row_is_in_two_parts_and_none_that_the_comparison_asks_with() -> None:
    source = pictures(60)
    calibration = Calibration.of(source)
    parts = [{id(row) for row in part} for part in (calibration.ranges, calibration.judging, held_out(source.samples))]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60


def test_the_same_model_loses_next_to_nothing_and_another_one_does(text_draft: Draft) -> None:
    source = text_draft.source
    judge = Judge(source, source.samples[:6], Metric("cosine", 0.01), "int8")
    with closing(opened(text_draft)) as session:
        right = judge(session)
        backwards = FakeSession(
            lambda feeds: {"answer": session.run(feeds)["answer"][..., ::-1]}, session.inputs, session.outputs
        )
        wrong = judge(backwards)
    assert right.passed
    assert not wrong.passed
    assert right.loss < 0.01 < wrong.loss


def test_rows_are_stacked_with_padding_and_again_where_they_are_few() -> None:
    rows = [{"ids": np.ones((1, length), np.int64)} for length in (2, 4)]
    whole = stacked(rows, 3)["ids"]
    np.testing.assert_array_equal(whole, [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]])
    assert stacked(texts().samples, 5)["ids"].shape[0] == 5
