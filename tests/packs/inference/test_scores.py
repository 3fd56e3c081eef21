"""What comes out of a model, made fit for callers."""

from __future__ import annotations

import numpy as np
import pytest

from inhouse.errors import NodeInputError
from inhouse.packs.inference import scores


def test_what_only_fills_up_does_not_count_in_the_mean() -> None:
    states = np.array([[[1, 2], [3, 4], [99, 99]]], np.float32)
    assert scores.mean_pool(states, np.array([[1, 1, 0]])).tolist() == [[2, 3]]
    with pytest.raises(NodeInputError, match="does not fit"):
        scores.mean_pool(states, np.ones((1, 2)))


def test_vectors_get_length_1_and_one_of_length_0_stays() -> None:
    assert scores.normalize(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[0.6, 0.8], [0, 0]]


def test_probabilities_add_up_and_large_scores_do_not_overflow() -> None:
    found = scores.softmax(np.array([[1000.0, 1000.0], [0.0, -np.inf]]))
    assert found.tolist() == [[0.5, 0.5], [1, 0]]


def test_the_best_labels_come_first_and_their_number_must_fit() -> None:
    found = scores.top(np.array([[0.1, 0.7, 0.2]]), ["a", "b", "c"], 2)
    assert found == [[{"label": "b", "score": 0.7, "index": 1}, {"label": "c", "score": 0.2, "index": 2}]]
    with pytest.raises(NodeInputError, match="2 labels"):
        scores.top(np.zeros((1, 3)), ["a", "b"], 1)
