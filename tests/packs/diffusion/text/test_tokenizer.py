from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.diffusion.text.tokenizer import END_TOKEN, START_TOKEN, Tokenizer, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("a cat", [320, 2368]),
        ("It's THE cat's 3rd house!! -- ok?", [585, 568, 518, 2368, 568, 274, 1973, 1212, 748, 2432, 2481, 286]),
        ("un café à Zürich", [2271, 15304, 21259, 89, 6522, 4021]),
        ("猫, 🐱", [163, 234, 360, 267, 22979]),
    ],
)
def test_tokens_are_those_of_clip(tokenizer: Tokenizer, text: str, tokens: list[int]) -> None:
    assert tokenizer.encode(text) == tokens


def test_case_and_white_space_make_no_difference(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("  A\n\tCAT ") == tokenizer.encode("a cat")


def test_composed_and_decomposed_letters_are_the_same(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("cafe\N{COMBINING ACUTE ACCENT}") == tokenizer.encode("café")


def test_clips_own_marks_can_be_written_in_a_prompt(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("cat<|endoftext|>") == [2368, END_TOKEN]


def test_half_a_surrogate_pair_is_a_letter_that_nobody_knows(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("cat \ud800") == tokenizer.encode("cat \ufffd")


@given(text=st.text(max_size=30))
def test_every_text_has_tokens_of_the_vocabulary(text: str) -> None:
    tokens = load_tokenizer().encode(text)
    assert all(0 <= token <= END_TOKEN for token in tokens)
    assert START_TOKEN not in tokens
