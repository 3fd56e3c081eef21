"""Measuring the shipped file: right thing, colour, background; how far seeds differ; with contact sheets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from training.icons.captions import article
from training.icons.latents import PIXELS
from training.icons.sheet import write_sheet

if TYPE_CHECKING:
    import random

    from torch import Tensor

    from training.icons.checkpoint import Model, Settings
    from training.icons.examples import Dataset
    from training.icons.judge import Judge, Verdict

PHRASINGS = Path(__file__).with_name("phrasings.txt")
BATCH = 20
SEED_PROMPTS = ("a rocket", "red apple", "cat", "a blue car", "house", "tree", "pizza", "a green star")
SEEDS = 4
COMPARED = ("a rocket", "blue star", "a cat on a yellow background", "pizza", "green dragon", "two red balloons")


@dataclass(frozen=True)
class Wish:
    """A prompt and what it asks for; None where it does not say."""

    prompt: str
    key: str
    colour: str | None = None
    background: str | None = None
    count: int = 1


@dataclass(frozen=True)
class Score:
    """Shares (0..1) of pictures that are right; None where nothing was asked."""

    pictures: int
    concept: float
    colour: float | None
    background: float | None
    count: float | None


def read_wishes(path: Path = PHRASINGS) -> list[Wish]:
    """Read lines of ``prompt | key | colour | background | count``, ``-`` for nothing."""
    wishes = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        prompt, key, colour, background, count = (part.strip() for part in line.split(" | "))
        wishes.append(Wish(prompt, key, asked(colour), asked(background), int(count)))
    return wishes


def asked(word: str) -> str | None:
    """Return the word, None for ``-``."""
    return None if word == "-" else word


def plain_wishes(dataset: Dataset) -> list[Wish]:
    """Ask for each concept by its usual name."""
    return [Wish(article(concept.names[0]), concept.key) for concept in dataset.concepts]


def colour_wishes(dataset: Dataset, rng: random.Random, count: int) -> list[Wish]:
    """Ask for paintable things in colours, and half of them on backgrounds."""
    pairs = [(index, style, colour) for index, style, colour in dataset.bank.index if style == "flat" and colour]
    wishes = []
    for place, (index, _, colour) in enumerate(rng.sample(pairs, count)):
        concept = dataset.concepts[index]
        ground = rng.choice(
            [name for name in ("red", "yellow", "green", "blue", "purple", "pink", "black") if name != colour]
        )
        prompt = f"{article(colour or '')} {concept.names[0]}"
        background = ground if place % 2 else None
        wishes.append(
            Wish(prompt + (f" on a {ground} background" if background else ""), concept.key, colour, background)
        )
    return wishes


def share(right: list[bool]) -> float | None:
    """Return the share of what is right, None of nothing."""
    return round(sum(right) / len(right), 4) if right else None


def score(wishes: list[Wish], verdicts: list[Verdict], keys: list[str]) -> Score:
    """Compare what was asked with what was seen."""
    seen = list(zip(wishes, verdicts, strict=True))
    return Score(
        len(seen),
        share([keys[v.concept] == w.key for w, v in seen]) or 0.0,
        share([v.colours.get(keys.index(w.key)) == w.colour for w, v in seen if w.colour]),
        share([v.background == w.background for w, v in seen if w.background]),
        share([v.count == w.count for w, v in seen if w.count > 1]),
    )


def difference(pictures: Tensor) -> float:
    """Return the mean difference (0..1) between any two of some pictures (seeds, 3, height, width)."""
    gaps = [float((a - b).abs().mean()) for a, b in combinations(pictures, 2)]
    return sum(gaps) / len(gaps)


def draw_all(model: Model, prompts: list[str], settings: Settings, first_seed: int) -> Tensor:
    """Draw prompts in batches, seeds counting up."""
    parts = []
    for i in range(0, len(prompts), BATCH):
        batch = prompts[i : i + BATCH]
        parts.append(model.draw(batch, [first_seed + i + j for j in range(len(batch))], settings))
    return torch.cat(parts)


@dataclass(frozen=True)
class Evaluation:
    """Everything that measuring needs."""

    model: Model
    dataset: Dataset
    judge: Judge
    settings: Settings
    folder: Path

    def ask(self, name: str, wishes: list[Wish], seed: int) -> Score:
        """Draw the wishes, judge them, write the sheet (wrong ones framed in red)."""
        keys = [concept.key for concept in self.dataset.concepts]
        pictures = draw_all(self.model, [wish.prompt for wish in wishes], self.settings, seed)
        verdicts = [self.judge.judge(picture, wish.count) for picture, wish in zip(pictures, wishes, strict=True)]
        wrong = [keys[v.concept] != w.key for w, v in zip(wishes, verdicts, strict=True)]
        write_sheet(self.folder / f"{name}.png", pictures, [wish.prompt for wish in wishes], wrong)
        result = score(wishes, verdicts, keys)
        missed = {w.prompt: keys[v.concept] for w, v, bad in zip(wishes, verdicts, wrong, strict=True) if bad}
        (self.folder / f"{name}.json").write_text(
            json.dumps({**asdict(result), "missed": missed}, indent=1), encoding="utf-8"
        )
        return result

    def seeds(self) -> float:
        """Return the mean difference between seeds, over some prompts; write their sheet."""
        prompts = [prompt for prompt in SEED_PROMPTS for _ in range(SEEDS)]
        pictures = draw_all(self.model, prompts, self.settings, 500)
        write_sheet(self.folder / "seeds.png", pictures, prompts, columns=2 * SEEDS)
        groups = pictures.view(len(SEED_PROMPTS), SEEDS, *pictures.shape[1:])
        return sum(difference(group) for group in groups) / len(SEED_PROMPTS)

    def round_trip(self, rng: random.Random) -> float:
        """Return the peak signal-to-noise ratio (dB) of training pictures encoded and decoded."""
        pictures = self.dataset.pictures(self.dataset.scenes(48, rng), rng, PIXELS)
        back = self.model.round_trip(pictures)
        write_sheet(self.folder / "round_trip.png", torch.cat([pictures[:16], back[:16]]), [""] * 32, columns=16)
        return float(-10 * (back - pictures).square().mean().log10())

    def compare(self, choices: dict[str, Settings]) -> None:
        """Write a sheet with the same prompts and seeds under other settings, a row each."""
        rows = [self.model.draw(list(COMPARED), list(range(len(COMPARED))), choice) for choice in choices.values()]
        labels = [label for label in choices for _ in COMPARED]
        write_sheet(self.folder / "settings.png", torch.cat(rows), labels, columns=len(COMPARED))
