from __future__ import annotations

import random

import pytest
from training.icons import captions
from training.icons.concepts import Concept, read_concepts
from training.icons.evaluate import read_wishes
from training.icons.examples import disturb
from training.icons.scenes import Scene
from training.icons.tokens import STRANGER

STAR = Concept("star", ("star", "yellow thing"), paintable=True)


def many(scene: Scene, count: int = 300) -> list[str]:
    rng = random.Random(1)
    return [captions.caption(scene, STAR, rng) for _ in range(count)]


def test_a_caption_names_its_concept() -> None:
    assert all("star" in text or "yellow thing" in text for text in many(Scene(0, "flat")))


def test_a_caption_says_the_colour_and_the_background() -> None:
    for text in many(Scene(0, "flat", colour="blue", background="green")):
        assert "blue" in text
        assert "green" in text


def test_gray_is_also_spelt_grey() -> None:
    texts = many(Scene(0, "flat", colour="gray"))
    assert any("grey" in text for text in texts)
    assert any("gray" in text for text in texts)


def test_several_copies_are_counted() -> None:
    words = ("two", "2", "pair")
    assert all(any(word in text for word in words) for text in many(Scene(0, "flat", count=2)))


def test_captions_vary() -> None:
    assert len(set(many(Scene(0, "flat", colour="blue")))) > 150


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("star", "stars"), ("box", "boxes"), ("cherry", "cherries"), ("key", "keys"), ("jeans", "jeans")],
)
def test_plurals(noun: str, plural: str) -> None:
    assert captions.plural(noun) == plural


@pytest.mark.parametrize(("words", "said"), [("apple", "an apple"), ("rocket", "a rocket")])
def test_articles(words: str, said: str) -> None:
    assert captions.article(words) == said


def test_strewn_words_leave_the_caption_in_order() -> None:
    rng = random.Random(2)
    for _ in range(50):
        words = disturb("a blue star", rng).split(" ")
        assert [word for word in words if word != STRANGER] == ["a", "blue", "star"]
        assert 1 <= words.count(STRANGER) <= 6


def test_every_word_of_a_caption_is_in_the_vocabulary() -> None:
    known = set(
        " ".join([*captions.vocabulary(), "star stars yellow thing things blue green"]).replace(",", " ").split()
    )
    for text in many(Scene(0, "flat", colour="blue", background="green", count=3, size=0)):
        assert set(text.replace(",", " ").split()) <= known


def test_the_held_out_wordings_are_never_used_in_training() -> None:
    concepts = read_concepts()
    rng = random.Random(3)
    trained = {captions.caption(Scene(i, "flat"), c, rng) for i, c in enumerate(concepts) for _ in range(10)}
    wishes = read_wishes()
    assert len(wishes) == 100
    shared = {wish.prompt for wish in wishes} & trained
    assert shared <= {"bicycle", "a dragon"}
