"""Examples: endless batches of captions and the pictures they ask for."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.icons.captions import caption, chatter, plural, vocabulary
from training.icons.concepts import BACKGROUNDS, COLOURS, Concept, read_concepts, with_keywords
from training.icons.scenes import Bank, Scene, compose, random_scene
from training.icons.tokens import STRANGER, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

EMPTY_SHARE = 0.1
CHATTER_SHARE = 0.02
STRANGER_SHARE = 0.4
PAINTABLE_WEIGHT = 1.5


@dataclass(frozen=True)
class Dataset:
    """Concepts, their drawings and the words for them."""

    concepts: list[Concept]
    bank: Bank
    vocabulary: Vocabulary
    styles: tuple[str, ...]

    @classmethod
    def open(cls, work: Path, packages: Path, styles: tuple[str, ...]) -> Dataset:
        """Read or render everything; ``packages`` is a ``node_modules`` folder."""
        concepts = with_keywords(read_concepts(), packages, set(" ".join(vocabulary()).split()))
        names = [name for concept in concepts for name in concept.names]
        phrases = [*names, *map(plural, names), *COLOURS, *BACKGROUNDS, *vocabulary()]
        return cls(concepts, Bank.load(work, concepts, packages), Vocabulary(phrases), styles)

    def scenes(self, count: int, rng: random.Random) -> list[Scene]:
        """Draw up scenes, those that can be painted half as often again."""
        weights = [PAINTABLE_WEIGHT if concept.paintable else 1.0 for concept in self.concepts]
        chosen = rng.choices(range(len(self.concepts)), weights, k=count)
        return [random_scene(self.bank, concept, self.styles, rng) for concept in chosen]

    def captions(self, scenes: list[Scene], rng: random.Random, *, empty: float = EMPTY_SHARE) -> list[str]:
        """Caption the scenes: some with nothing (for guidance), some with chatter, some with strangers strewn in."""
        texts = []
        for scene in scenes:
            chance = rng.random()
            if chance < empty:
                texts.append("")
            elif chance < empty + CHATTER_SHARE:
                texts.append(chatter(rng))
            else:
                text = caption(scene, self.concepts[scene.concept], rng)
                texts.append(disturb(text, rng) if rng.random() < STRANGER_SHARE else text)
        return texts

    def pictures(self, scenes: list[Scene], rng: random.Random, size: int, *, still: bool = False) -> Tensor:
        """Draw the scenes, (batch, 3, size, size) in 0..1."""
        return compose(self.bank, scenes, rng, size, still=still)


def disturb(text: str, rng: random.Random) -> str:
    """Strew one to six words that mean nothing into a caption."""
    words = text.split(" ")
    for _ in range(rng.randint(1, 6)):
        words.insert(rng.randint(0, len(words)), STRANGER)
    return " ".join(words)
