from __future__ import annotations

import numpy as np

from inhouse.packs.inference.nodes.tensors import mean_pool, normalize_vectors


def test_padding_counts_for_nothing_in_the_mean() -> None:
    states = np.array([[[1.0, 3.0], [3.0, 5.0], [99.0, 99.0]]], np.float32)
    pooled = mean_pool(tensor=states, tokens={"attention_mask": np.array([[1, 1, 0]])})
    assert pooled.tolist() == [[2.0, 4.0]]


def test_vectors_come_to_length_1_and_nothing_to_nothing() -> None:
    found = normalize_vectors(tensor=np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    assert np.allclose(found, np.array([[0.6, 0.8], [0.0, 0.0]]))
