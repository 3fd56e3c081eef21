"""A scikit-learn model becomes a graph that answers as it did."""

from __future__ import annotations

from pathlib import Path

import joblib  # type: ignore[import-untyped] # it has none
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from inhouse.errors import UnsafeModelError
from inhouse.packs.conversion.sources import open_source


def test_it_answers_as_the_original_and_says_its_classes(tmp_path: Path) -> None:
    rows, kinds = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[kinds]
    model = LogisticRegression(max_iter=500).fit(rows, names)
    path = tmp_path / "iris.joblib"
    joblib.dump(model, path)
    with pytest.raises(UnsafeModelError, match="--allow-pickle"):
        open_source(str(path))
    source = open_source(str(path), allow_pickle=True, scratch=tmp_path)
    answer = source.answer({"features": rows.astype(np.float32)})
    assert answer["label"].astype(str).tolist() == model.predict(rows).tolist()
    assert np.allclose(answer["probabilities"], model.predict_proba(rows), atol=1e-4)
    assert source.facts["classes"] == ["setosa", "versicolor", "virginica"]
    assert source.inputs[0].shape == ("batch", 4)
