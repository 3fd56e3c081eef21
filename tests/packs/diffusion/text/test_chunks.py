from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.diffusion.text.chunks import WeightedToken, chunk, words
from inhouse.packs.diffusion.text.tokenizer import END_TOKEN, START_TOKEN

DATA = Path(__file__).parents[3] / "data" / "diffusion" / "prompts.json"
PROMPTS = json.loads(DATA.read_text(encoding="utf-8"))


def nothing(name: str) -> None:
    """Know no textual inversion."""


@pytest.mark.parametrize("case", PROMPTS, ids=[case["prompt"][:30] for case in PROMPTS])
def test_tokens_weights_and_windows_are_the_references(case: dict[str, Any]) -> None:
    windows = chunk(words(case["prompt"], nothing), length=77, padding=END_TOKEN)
    for window, body in zip(windows, case["windows"], strict=True):
        expected = [(token, 1.0) if isinstance(token, int) else tuple(token) for token in body]
        assert window[: len(expected) + 1] == [(START_TOKEN, 1.0), *expected]
        assert window[len(expected) + 1 :] == [(END_TOKEN, 1.0)] * (76 - len(expected))


def test_padding_is_the_models_own() -> None:
    (window,) = chunk(words("a cat", nothing), length=6, padding=0)
    assert window == [(token, 1.0) for token in (START_TOKEN, 320, 2368, END_TOKEN, 0, 0)]


def test_words_are_not_split_across_windows() -> None:
    windows = chunk([[(1, 1.0)] * 2, [(2, 1.0)] * 2], length=5, padding=0)
    assert [[token for token, _ in window] for window in windows] == [
        [START_TOKEN, 1, 1, END_TOKEN, 0],
        [START_TOKEN, 2, 2, END_TOKEN, 0],
    ]


@given(st.lists(st.integers(1, 12), max_size=12))
def test_every_token_is_kept_in_order(lengths: list[int]) -> None:
    tokens = iter(range(sum(lengths)))
    given_words: list[list[WeightedToken]] = [[(next(tokens), 1.0) for _ in range(length)] for length in lengths]
    windows = chunk(given_words, length=7, padding=-1)
    kept = [token for window in windows for token, _ in window if token not in (START_TOKEN, END_TOKEN, -1)]
    assert kept == list(range(sum(lengths)))
    assert all(len(window) == 7 for window in windows)


def test_an_embedding_stands_for_its_rows_and_punctuation_behind_it_is_text() -> None:
    rows = torch.eye(2)
    found = list(words("(embedding:two.pt, cat:0.7)", {"two.pt": rows}.get))
    assert [len(word) for word in found] == [2, 1, 1]
    assert [weight for word in found for _, weight in word] == [0.7] * 4
    first = found[0][0][0]
    assert isinstance(first, torch.Tensor)
    assert first.equal(rows[0])


def test_an_unknown_embedding_leaves_nothing_behind() -> None:
    assert list(words("a embedding:nothing cat", nothing)) == list(words("a cat", nothing))
