from __future__ import annotations

import json
from typing import TYPE_CHECKING

from training.icons.concepts import Concept, read_concepts, with_keywords
from training.icons.evaluate import read_wishes

if TYPE_CHECKING:
    from pathlib import Path


def test_more_than_three_hundred_concepts_with_names_of_their_own() -> None:
    concepts = read_concepts()
    names = [name for concept in concepts for name in concept.names]
    assert len(concepts) >= 300
    assert len({concept.key for concept in concepts}) == len(concepts)
    assert len(set(names)) == len(names)


def test_the_star_marks_what_may_be_painted(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# a comment\n*apple | apple | red fruit\nskull | skull\n", encoding="utf-8")
    assert read_concepts(path) == [
        Concept("apple", ("apple", "red fruit"), paintable=True),
        Concept("skull", ("skull",), paintable=False),
    ]


def test_keywords_are_added_only_if_they_can_mean_nothing_else(tmp_path: Path) -> None:
    files = {
        "unicode-emoji-json/data-by-emoji.json": {"A": {"slug": "apple"}, "P": {"slug": "pear"}},
        "emojilib/dist/emoji-en-US.json": {"A": ["apple", "fruit", "orchard", "red", "cute"], "P": ["fruit", "pear"]},
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    concepts = [Concept("apple", ("apple",), paintable=True), Concept("pear", ("pear",), paintable=True)]
    apple, pear = with_keywords(concepts, tmp_path, reserved={"cute"})
    assert apple.names == ("apple", "orchard")
    assert pear.names == ("pear",)


def test_each_held_out_wording_asks_for_a_known_concept() -> None:
    keys = {concept.key for concept in read_concepts()}
    assert {wish.key for wish in read_wishes()} <= keys
