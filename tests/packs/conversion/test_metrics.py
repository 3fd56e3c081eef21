"""How much answers differ."""

import numpy as np
import pytest

from inhouse.packs.conversion.metrics import UNBOUNDED, figures, losses, pooled, psnr, relative_error, ssim
from inhouse.packs.conversion.model import Metric

SPREAD = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["cosine", "relative", "psnr", "top-1"])
def test_the_same_answer_loses_nothing(name: str) -> None:
    answer = SPREAD.standard_normal((4, 8)) * 9
    assert losses(name, answer, answer.copy()).max() < 1e-12


@pytest.mark.parametrize("name", ["cosine", "relative", "psnr"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_lost_beyond_all_bounds(name: str, bad: float) -> None:
    answer = SPREAD.standard_normal((2, 8))
    broken = answer.copy()
    broken[1, 3] = bad
    lost = losses(name, answer, broken)
    assert lost[0] < 1e-12
    assert lost[1] == UNBOUNDED


def test_another_shape_is_another_answer() -> None:
    assert losses("cosine", np.ones((2, 8)), np.ones((2, 9))).min() == UNBOUNDED


def test_a_class_counts_where_the_original_is_sure_of_it() -> None:
    sure, unsure = [0.0, 9.0, 0.0], [0.0, 1.0, 0.99]
    scores = np.array([sure, unsure])
    assert losses("top-1", scores, np.array([sure, [0.0, 0.99, 1.0]])).tolist() == [0.0]
    assert losses("top-1", scores, np.array([[9.0, 0.0, 0.0], unsure])).tolist() == [1.0]


def test_probabilities_are_taken_as_they_are() -> None:
    even, told = [0.5, 0.45, 0.05], [0.45, 0.5, 0.05]
    assert losses("top-1", np.array([even]), np.array([told])).size == 0
    assert losses("top-1", np.array([[0.6, 0.4, 0.0]]), np.array([[0.4, 0.6, 0.0]])).tolist() == [1.0]


def test_numbers_without_fractions_are_the_same_or_not() -> None:
    assert losses("cosine", np.array([1, 2, 3]), np.array([1, 2, 4])).tolist() == [0.0, 0.0, 1.0]
    assert losses("relative", np.array(["a", "b"], object), np.array(["a", "c"], object)).tolist() == [0.0, 1.0]


def test_all_agreements_are_reported_and_those_that_count_decide() -> None:
    sure, unsure = [0.0, 9.0, 0.0], [0.0, 9.0, 8.99]
    found = np.array([sure, [0.0, 8.99, 9.0]])
    told = list(figures(Metric("top-1", 0.01), [({"scores": np.array([sure, unsure])}, {"scores": found})]))
    by_name = {figure.metric: figure for figure in told}
    assert by_name["top-1 agreement where the original leads by 0.1"].value == 1
    assert by_name["top-1 agreement"].value == 0.5
    assert by_name["top-1 agreement"].informative
    assert all(figure.check("x").passed for figure in told)


def test_one_row_far_off_is_not_hidden_by_an_average() -> None:
    answer = SPREAD.standard_normal((100, 8))
    broken = answer.copy()
    broken[7] = -broken[7]
    pairs = [({"v": answer}, {"v": broken})]
    told = {figure.metric: figure.passed for figure in figures(Metric("cosine", 0.05), pairs)}
    assert told == {"1 - cosine, mean": True, "1 - cosine, worst": False}


def test_an_output_that_is_missing_fails() -> None:
    told = list(figures(Metric("relative", 0.5), [({"a": np.ones((1, 2))}, {})]))
    assert [figure.passed for figure in told] == [False]


def test_a_number_must_be_where_the_original_has_one_and_nowhere_else() -> None:
    wanted = np.array([1.0, np.inf, 2.0])
    assert relative_error({"a": wanted}, {"a": np.array([1.0, np.nan, 2.0])}) == 0
    assert relative_error({"a": wanted}, {"a": np.array([1.0, 5.0, np.nan])}) == UNBOUNDED


def test_padding_has_no_part_in_a_vector() -> None:
    output = np.array([[[1.0], [3.0], [100.0]]], np.float32)
    assert pooled(output, np.array([[1, 1, 0]])).tolist() == [[2.0]]
    assert pooled(output, None, "cls").tolist() == [[1.0]]
    assert pooled(output, np.array([[0, 0, 0]])).tolist() == [[0.0]]


def test_pictures_are_compared_as_the_field_does() -> None:
    picture = SPREAD.random((32, 24, 3))
    assert psnr(picture, picture) == 200
    assert psnr(picture, picture + 0.1) == pytest.approx(20)
    assert ssim(picture, picture) == pytest.approx(1)
    assert ssim(picture, 1 - picture) < 0
    assert 0.5 < ssim(picture, picture + SPREAD.normal(0, 0.1, picture.shape)) < 0.99
    assert ssim(np.zeros((4, 4, 1)), np.zeros((4, 4, 1))) == pytest.approx(1)
